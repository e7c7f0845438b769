/* A light SMTP sink for benchmarks: accepts everything, stores nothing, counts, and checks as a server would.
 *
 *     cc -O2 -o sink bench/sink.c && ./sink [-p PORT] [-d REPLY_DELAY_MS] [-L] [-w WORK_US]
 *
 * -p  port on 127.0.0.1 (0, the default, lets the system choose; the port is printed first)
 * -d  every reply leaves that many milliseconds late, in order: a long line
 * -L  do not offer PIPELINING
 * -w  spend so many microseconds more on each message, as a server does that stores it
 *
 * Every octet of content is looked at: a bare CR or LF, a NUL, and a line above 998 octets (RFC 5321 section
 * 4.5.3.1.6, RFC 5322 section 2.3) are violations.
 *
 * On SIGTERM or SIGINT it prints one JSON line: messages, violations, bytes, connections, and its own CPU time.
 * One thread and epoll, so that it costs less than what it measures (smtp-sink does not).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 65536
#define INPUT (256 * 1024)

struct session {
    int fd, open, in_data, matched; /* matched: how much of CRLF.CRLF has been seen */
    unsigned generation;
    unsigned column; /* octets of the content's line so far, with its CR */
    char before;     /* the octet before */
    char line[1024];
    size_t line_length;
};

struct late { /* a reply that waits for its time */
    struct late *next;
    uint64_t due_ns;
    int fd;
    unsigned generation;
    size_t length;
    char text[];
};

static struct session *sessions[MAX_FD];
static struct late *first_late, **last_late = &first_late;
static uint64_t messages, violations, bytes, connections;
static uint64_t delay_ns, work_ns;
static int pipelining = 1;
static volatile sig_atomic_t stop;

static void on_signal(int number) { (void)number; stop = 1; }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void work(void) {
    if (!work_ns) return;
    for (uint64_t until = now_ns() + work_ns; now_ns() < until;) {}
}

static void write_all(int fd, const char *text, size_t length) {
    while (length) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) continue; /* replies are tiny; the peer reads them */
        if (n <= 0) return;
        text += n;
        length -= (size_t)n;
    }
}

static void reply(struct session *s, const char *text, size_t length) {
    if (!length) return;
    if (!delay_ns) { write_all(s->fd, text, length); return; }
    struct late *entry = malloc(sizeof *entry + length);
    if (!entry) exit(1);
    *entry = (struct late){.due_ns = now_ns() + delay_ns, .fd = s->fd, .generation = s->generation, .length = length};
    memcpy(entry->text, text, length);
    *last_late = entry;
    last_late = &entry->next;
}

static void send_due(void) {
    while (first_late && first_late->due_ns <= now_ns()) {
        struct late *entry = first_late;
        first_late = entry->next;
        if (!first_late) last_late = &first_late;
        struct session *s = sessions[entry->fd];
        if (s && s->open && s->generation == entry->generation) write_all(entry->fd, entry->text, entry->length);
        free(entry);
    }
}

static int wait_ms(void) {
    if (!first_late) return -1;
    uint64_t now = now_ns();
    return first_late->due_ns <= now ? 0 : (int)((first_late->due_ns - now) / 1000000u) + 1;
}

static void drop(struct session *s) {
    close(s->fd);
    s->open = 0;
    s->generation++;
}

/* Answers to one command; returns 0 when the session ends. */
static int command(struct session *s, char *out, size_t *used) {
    const char *answer = "250 2.0.0 Ok\r\n";
    int goes_on = 1;
    if (!strncasecmp(s->line, "EHLO", 4))
        answer = pipelining ? "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n" : "250-sink\r\n250 8BITMIME\r\n";
    else if (!strncasecmp(s->line, "DATA", 4)) {
        answer = "354 Go\r\n";
        s->in_data = 1;
        s->matched = 2; /* a lone dot right away ends it too */
        s->before = '\n';
        s->column = 0;
    } else if (!strncasecmp(s->line, "QUIT", 4)) {
        answer = "221 Bye\r\n";
        goes_on = 0;
    }
    size_t length = strlen(answer);
    memcpy(out + *used, answer, length);
    *used += length;
    return goes_on;
}

/* Looks for what a line of content must not hold. */
static void check(struct session *s, const char *data, size_t length) {
    while (length) {
        const char *newline = memchr(data, '\n', length);
        size_t piece = newline ? (size_t)(newline - data) : length;
        const char *cr = memchr(data, '\r', piece);
        violations += memchr(data, 0, piece) != NULL;
        if (s->before == '\r' && piece) violations++; /* the line went on behind a CR */
        if (cr && cr + 1 < data + piece) violations++;
        if (piece) s->before = data[piece - 1];
        s->column += piece;
        if (!newline) return;
        violations += s->before != '\r' || s->column > 999;
        s->before = '\n';
        s->column = 0;
        data += piece + 1;
        length -= piece + 1;
    }
}

/* Reads through message content; returns how many octets of `data` belong to it. */
static size_t content(struct session *s, const char *data, size_t length, char *out, size_t *used) {
    static const char end[] = "\r\n.\r\n";
    size_t i = 0;
    while (i < length) {
        if (!s->matched) { /* nothing to match until the next CR */
            const char *cr = memchr(data + i, '\r', length - i);
            if (!cr) { i = length; break; }
            i = (size_t)(cr - data);
        }
        if (data[i] == end[s->matched]) s->matched++;
        else s->matched = data[i] == '\r';
        i++;
        if (s->matched == 5) {
            static const char queued[] = "250 2.0.0 Ok: queued as 4ABCDEF\r\n";
            memcpy(out + *used, queued, sizeof queued - 1);
            *used += sizeof queued - 1;
            s->in_data = s->matched = 0;
            messages++;
            work();
            break;
        }
    }
    check(s, data, i);
    return i;
}

static void readable(struct session *s) {
    static char input[INPUT], out[INPUT];
    ssize_t got = recv(s->fd, input, sizeof input, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { drop(s); return; }
    bytes += (uint64_t)got;
    size_t used = 0, at = 0, length = (size_t)got;
    while (at < length) {
        if (used > sizeof out - 1024) { reply(s, out, used); used = 0; }
        if (s->in_data) { at += content(s, input + at, length - at, out, &used); continue; }
        char *newline = memchr(input + at, '\n', length - at);
        size_t piece = (newline ? (size_t)(newline - input) + 1 : length) - at;
        if (s->line_length + piece >= sizeof s->line) { drop(s); return; }
        memcpy(s->line + s->line_length, input + at, piece);
        s->line_length += piece;
        at += piece;
        if (!newline) break;
        s->line[s->line_length] = 0;
        s->line_length = 0;
        if (!command(s, out, &used)) { write_all(s->fd, out, used); drop(s); return; }
    }
    reply(s, out, used);
}

static void greet(int listener, int poller) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        if (fd >= MAX_FD) { close(fd); continue; }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (!sessions[fd] && !(sessions[fd] = calloc(1, sizeof **sessions))) exit(1);
        struct session *s = sessions[fd];
        s->fd = fd;
        s->open = 1;
        s->in_data = s->matched = 0;
        s->line_length = 0;
        connections++;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        reply(s, "220 sink ESMTP\r\n", 16);
    }
}

static void report(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"messages\": %llu, \"violations\": %llu, \"bytes\": %llu, \"connections\": %llu, \"cpu_s\": %.3f}\n",
           (unsigned long long)messages, (unsigned long long)violations, (unsigned long long)bytes, (unsigned long long)connections, cpu);
    fflush(stdout);
}

int main(int argc, char **argv) {
    int port = 0, option;
    while ((option = getopt(argc, argv, "p:d:Lw:")) != -1) {
        if (option == 'p') port = atoi(optarg);
        else if (option == 'd') delay_ns = (uint64_t)(atof(optarg) * 1e6);
        else if (option == 'L') pipelining = 0;
        else if (option == 'w') work_ns = (uint64_t)(atof(optarg) * 1e3);
        else return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) { perror("sink"); return 1; }
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    while (!stop) {
        int count = epoll_wait(poller, events, 256, wait_ms());
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) greet(listener, poller);
            else if (sessions[fd]->open) readable(sessions[fd]);
        }
        send_due();
    }
    report();
    return 0;
}
