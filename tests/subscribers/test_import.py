"""Importing through the API and the runner: what is stored, what is rejected, and that nothing is lost."""

import csv
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from listmonk_py.configuration import runtime
from listmonk_py.mail.models import SystemMail
from subscribers import counts
from subscribers.importing import files, jobs, running
from subscribers.models import ImportJob, Subscriber, Subscription
from tests.factories import make_api_client, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db

URL = "/api/import/subscribers"


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def api():
    return make_api_client(superadmin=True)


@pytest.fixture
def news():
    return make_list(name="News")


def upload(api, content: bytes | str, name="in.csv", **params):
    content = content.encode() if isinstance(content, str) else content
    sent = json.dumps({"mode": "subscribe", "delim": ",", **params})
    return api.post(URL, {"params": sent, "file": SimpleUploadedFile(name, content)})


def imported(api, content: bytes | str, **params) -> ImportJob:
    """Upload, run as the worker would, and return the ended job."""
    answer = upload(api, content, **params)
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"] == {
        "name": params.get("name", "in.csv"), "total": 0, "imported": 0, "status": "importing", "rejected": 0,
    }  # fmt: skip
    job = jobs.latest()
    running.run(job.pk)
    job.refresh_from_db()
    return job


def rejected(job) -> dict[int, str]:
    return dict(job.lines.filter(rejected=True).values_list("line", "text"))


def people() -> dict[str, tuple[str, dict]]:
    return {one.email: (one.name, one.attribs) for one in Subscriber.objects.all()}


def statuses(one) -> dict[str, str]:
    rows = Subscription.objects.filter(list=one).values_list("subscriber__email", "status")
    return dict(rows)


def test_a_file_becomes_subscribers(api, news):
    text = (
        "email,name,attributes\n"
        'ann.lee@example.com,Ann Lee,"{""city"": ""Oslo"", ""n"": 1}"\n'
        " BOB.ray@Example.com ,,\n"
    )

    job = imported(api, text, lists=[news.pk])

    assert (job.status, job.total, job.imported, job.rejected) == ("finished", 2, 2, 0)
    assert people() == {
        "ann.lee@example.com": ("Ann Lee", {"city": "Oslo", "n": 1}),
        "bob.ray@example.com": ("Bob Ray", {}),
    }
    assert set(statuses(news).values()) == {"unconfirmed"}
    assert counts.of_lists([news.pk]) == {news.pk: {"unconfirmed": 2}}
    assert api.get(URL).json()["data"] == {
        "name": "in.csv", "total": 2, "imported": 2, "status": "finished", "rejected": 0,
    }  # fmt: skip
    assert "Finished: 2 of 2 rows" in api.get(f"{URL}/logs").json()["data"]
    assert not Path(job.path).exists()


def test_before_and_after_there_is_nothing_to_show(api, news):
    blank = {"name": "", "total": 0, "imported": 0, "status": "none", "rejected": 0}
    assert api.get(URL).json()["data"] == blank
    assert api.delete(URL).json()["data"] == blank
    assert api.get(f"{URL}/logs").json() == {"data": ""}

    imported(api, "email\na@example.com\n", lists=[news.pk])

    assert api.delete(URL).json()["data"] == blank
    assert api.get(URL).json()["data"] == blank


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"mode": "x"}, 400), ({"delim": ",,"}, 400), ({"delim": ""}, 400), ({"delim": '"'}, 400),
        ({"delim": "é"}, 400), ({"lists": []}, 403), ({"lists": [999]}, 400),
        ({"subscription_status": "x"}, 400), ({"lists": "1"}, 400), ({"overwrite": "yes"}, 400),
        ({"columns": {"Mail": "city"}}, 400),
    ],
)  # fmt: skip
def test_wrong_parameters_start_nothing(api, news, data_folder, params, status):
    answer = upload(api, "email\na@example.com\n", **{"lists": [news.pk], **params})

    assert answer.status_code == status
    assert answer.json()["message"]
    assert not ImportJob.objects.exists()
    assert not list(data_folder.glob("imports/*"))


def test_forms_without_params_or_file_start_nothing(api, news):
    params = json.dumps({"mode": "subscribe", "delim": ",", "lists": [news.pk]})
    assert api.post(URL, {"params": params}).status_code == 400
    assert api.post(URL, {"params": "x", "file": SimpleUploadedFile("in.csv", b"x")}).status_code == 400
    assert api.post(URL, {"file": SimpleUploadedFile("in.csv", b"x")}).status_code == 400
    assert api.post(URL, {"params": params}, content_type="application/json").status_code == 400
    assert not ImportJob.objects.exists()


def test_importing_needs_its_permission_and_lists_within_reach(news):
    other = make_list()
    assert make_api_client("subscribers:manage").get(URL).status_code == 403
    limited = make_api_client("subscribers:import", grants={news: ["list:manage"]})

    assert upload(limited, "email\na@example.com\n", lists=[other.pk]).status_code == 403
    job = imported(limited, "email\na@example.com\n", lists=[other.pk, news.pk])

    assert job.imported == 1
    assert statuses(other) == {}
    assert statuses(news) == {"a@example.com": "unconfirmed"}


class TestExistingPeople:
    def test_they_stay_as_they_are_unless_told_otherwise(self, api, news):
        make_subscriber(email="ann@example.com", name="Ann", attribs={"a": 1}, lists={news: "confirmed"})

        job = imported(api, 'email,name,attributes\nANN@example.com,New,"{""b"": 2}"\n', lists=[news.pk])

        assert job.imported == 1
        assert people() == {"ann@example.com": ("Ann", {"a": 1})}
        assert statuses(news) == {"ann@example.com": "confirmed"}

    def test_overwriting_replaces_what_the_file_has(self, api, news):
        make_subscriber(email="ann@example.com", name="Ann", attribs={"a": 1}, lists={news: "unsubscribed"})

        imported(
            api,
            'email,name,attributes\nann@example.com,New,"{""b"": 2}"\n',
            lists=[news.pk],
            overwrite=True,
            subscription_status="confirmed",
        )

        assert people() == {"ann@example.com": ("New", {"b": 2})}
        assert statuses(news) == {"ann@example.com": "confirmed"}

    @pytest.mark.parametrize(
        "text", ["email\nann@example.com\n", "email,name,attributes\nann@example.com,,\n"]
    )
    def test_a_missing_column_or_a_blank_cell_wipes_nothing(self, api, news, text):
        make_subscriber(email="ann@example.com", name="Ann", attribs={"a": 1})

        imported(api, text, lists=[news.pk], overwrite=True)

        assert people() == {"ann@example.com": ("Ann", {"a": 1})}

    def test_each_kind_of_overwriting_alone(self, api, news):
        make_subscriber(email="ann@example.com", name="Ann", lists={news: "unsubscribed"})
        text = "email,name\nann@example.com,New\n"

        imported(api, text, lists=[news.pk], overwrite_userinfo=True)
        assert (people()["ann@example.com"][0], statuses(news)["ann@example.com"]) == ("New", "unsubscribed")
        imported(api, text.replace("New", "Newer"), lists=[news.pk], overwrite_subscription_status=True)
        assert (people()["ann@example.com"][0], statuses(news)["ann@example.com"]) == ("New", "unconfirmed")

    def test_a_blocklisted_person_is_added_unsubscribed_whatever_is_asked(self, api, news):
        make_subscriber(email="ann@example.com", status="blocklisted")

        imported(
            api,
            "email\nann@example.com\n",
            lists=[news.pk],
            overwrite=True,
            subscription_status="confirmed",
        )

        assert statuses(news) == {"ann@example.com": "unsubscribed"}
        assert Subscriber.objects.get().status == "blocklisted"

    def test_blocklisting_takes_everyone_off_everything(self, api, news):
        make_subscriber(email="ann@example.com", name="Ann", attribs={"a": 1}, lists={news: "confirmed"})

        job = imported(api, "email,name\nann@example.com,X\nnew@example.com,\n", mode="blocklist")

        assert job.imported == 2
        assert set(Subscriber.objects.values_list("status", flat=True)) == {"blocklisted"}
        assert people()["ann@example.com"] == ("Ann", {"a": 1})
        assert statuses(news) == {"ann@example.com": "unsubscribed"}


class TestMess:
    """Every kind of broken row is rejected with its line and reason, and no other row suffers."""

    def test_bad_rows_among_good_ones(self, api, news):
        runtime.save({"privacy.domain_blocklist": ["bad.example"]})
        text = (
            "email,name,attributes\n"
            "one@example.com,One,\n"
            "not an address,X,\n"
            "a@bad.example,X,\n"
            "too@example.com,few\n"
            "too@example.com,many,,more\n"
            '"quote@example.com,open,\n'
            'two@example.com,"Tw" o,\n'
            "nul\0@example.com,x,\n"
            "\n"
            ",,\n"
            f"long@example.com,{'x' * 2001},\n"
            "three@example.com,Three,\n"
        )

        job = imported(api, text, lists=[news.pk])

        assert set(people()) == {"one@example.com", "three@example.com"}
        assert set(rejected(job)) == {3, 4, 5, 6, 7, 8, 9, 12}
        assert (job.imported, job.rejected, job.status) == (2, 8, "finished")
        assert "blocklist" in rejected(job)[4]
        assert "quote" in rejected(job)[7]

    @pytest.mark.parametrize("cell", ["nonsense", "[1]", '"{""a"": ""\\u0000""}"', '"{""a"": }"', "NaN"])
    def test_bad_attributes_cost_the_attributes_alone(self, api, news, cell):
        job = imported(api, f"email,attributes\na@example.com,{cell}\nb@example.com,{{}}\n", lists=[news.pk])

        assert people() == {"a@example.com": ("A", {}), "b@example.com": ("B", {})}
        assert (job.imported, job.rejected) == (2, 0)
        assert "line 2: Imported without attributes" in jobs.log(job)

    def test_the_rejected_rows_can_be_corrected_and_imported_again(self, api, news):
        imported(api, "name,email\nAnn,ann@example.com\nBob,bob\n", lists=[news.pk])

        answer = api.get(f"{URL}/rejects.csv")
        table = b"".join(answer.streaming_content).decode()
        rows = list(csv.reader(io.StringIO(table)))
        job = imported(api, table.replace(",bob,", ",bob@example.com,"), lists=[news.pk])

        assert rows[0] == ["name", "email", "rejected_line", "rejected_reason"]
        assert rows[1][:3] == ["Bob", "bob", "3"]
        assert (job.imported, job.rejected) == (1, 0)
        assert set(people()) == {"ann@example.com", "bob@example.com"}

    @pytest.mark.parametrize(
        ("head", "message"), [("mail,name\n", "no column named email"), ("", "empty"), ("email;name\n", "delimiter")]
    )  # fmt: skip
    def test_a_file_without_the_column_fails_and_says_so(self, api, news, head, message):
        job = imported(api, f"{head}a@example.com;x\n" if head else "", lists=[news.pk])

        assert job.status == "failed"
        assert message in jobs.log(job)
        assert api.get(URL).json()["data"]["status"] == "failed"
        # It stands in nobody's way.
        assert imported(api, "email\na@example.com\n", lists=[news.pk]).status == "finished"

    @pytest.mark.parametrize(
        ("encode", "note"),
        [
            (lambda text: text.encode("utf-8"), "utf-8"),
            (lambda text: text.encode("utf-8-sig"), "utf-8-sig"),
            (lambda text: text.encode("utf-16"), "utf-16"),
            (lambda text: text.encode("utf-16-le"), "utf-16-le"),
            (lambda text: text.encode("utf-16-be"), "utf-16-be"),
            (lambda text: text.encode("latin-1"), "Windows-1252"),
        ],
    )
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_encodings_and_line_ends(self, api, news, encode, note, end):
        text = end.join(["email,name", "a@example.com,Jürgen Größe", "b@example.com,Zoë", ""])

        job = imported(api, encode(text), lists=[news.pk])

        assert people() == {"a@example.com": ("Jürgen Größe", {}), "b@example.com": ("Zoë", {})}
        assert note in jobs.log(job)
        assert (job.total, job.rejected) == (2, 0)

    def test_a_few_bad_bytes_are_bad_rows_of_a_utf8_file(self, api, news):
        rows = [f"p{i}@example.com,Größe".encode() for i in range(20)]

        job = imported(
            api, b"\n".join([b"email,name", *rows, b"bad@example.com,Gr\xf6\xdfe"]), lists=[news.pk]
        )

        assert (job.imported, set(rejected(job))) == (20, {22})
        assert people()["p1@example.com"][0] == "Größe"

    def test_fields_may_hold_line_ends_quotes_and_delimiters(self, api, news):
        text = (
            "email;name;attributes\r\n"
            'a@example.com;"Ann; ""the\r\nsecond"" Lee";"{\r\n ""k"": ""a;b""\r\n}"\r\n'
            "b@example.com;Bob;\r\n"
        )

        job = imported(api, text, lists=[news.pk], delim=";")

        assert people() == {
            "a@example.com": ('Ann; "the\r\nsecond" Lee', {"k": "a;b"}),
            "b@example.com": ("Bob", {}),
        }
        assert (job.total, job.rejected) == (2, 0)

    def test_a_lost_quote_does_not_swallow_the_rows_until_the_next_one(self, api, news):
        middle = "".join(f"m{i}@example.com,M\n" for i in range(30))
        text = f'email,name\na@example.com,"Ann\n{middle}b@example.com,Bob"\n'

        job = imported(api, text, lists=[news.pk])

        assert set(rejected(job)) == {2}
        assert job.imported == 31

    def test_columns_in_any_order_and_case_and_by_other_names(self, api, news):
        text = "City,NAME,E-Mail\nOslo,Ann,ann@example.com\n"

        job = imported(api, text, lists=[news.pk], columns={"E-Mail": "email"})

        assert people() == {"ann@example.com": ("Ann", {})}
        assert "City" in jobs.log(job)

    def test_the_same_address_twice(self, api, news):
        text = "email,name\na@example.com,First\nA@EXAMPLE.com,Second\n"

        job = imported(api, text, lists=[news.pk])

        assert (job.imported, people()) == (2, {"a@example.com": ("First", {})})
        imported(api, text, lists=[news.pk], overwrite=True)
        assert people() == {"a@example.com": ("Second", {})}

    def test_an_endless_line_costs_itself_alone(self, api, news):
        text = f"email,name\na@example.com,A\n{'x' * 1_200_000}\nb@example.com,B\n"

        job = imported(api, text, lists=[news.pk])

        assert set(rejected(job)) == {3}
        assert job.imported == 2


class TestZip:
    @staticmethod
    def packed(**files: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return out.getvalue()

    def test_the_first_csv_inside_is_imported(self, api, news):
        content = self.packed(
            **{
                "readme.txt": "x",
                "../../etc/a.CSV": "email\na@example.com\n",
                "b.csv": "email\nb@example.com\n",
            }
        )

        job = imported(api, content, name="people.zip", lists=[news.pk])

        assert set(people()) == {"a@example.com"}
        assert job.name == "people.zip"

    def test_what_is_no_zip_or_has_no_csv_is_refused_at_once(self, api, news, data_folder):
        for content in (b"no zip", self.packed(**{"a.txt": "email\n"})):
            assert upload(api, content, name="a.zip", lists=[news.pk]).status_code == 400
        assert not ImportJob.objects.exists()
        assert not list(data_folder.glob("imports/*"))

    def test_damage_inside_ends_the_import_and_nothing_else(self, api, news):
        content = bytearray(
            self.packed(**{"a.csv": "email\n" + "".join(f"p{i}@example.com\n" for i in range(5000))})
        )
        content[5000] ^= 0xFF

        job = imported(api, bytes(content), name="a.zip", lists=[news.pk])

        assert job.status == "failed"
        assert imported(api, "email\na@example.com\n", lists=[news.pk]).status == "finished"


class TestOneAtATime:
    def test_a_second_import_is_refused_while_one_is_under_way(self, api, news, data_folder):
        assert upload(api, "email\na@example.com\n", lists=[news.pk]).status_code == 200
        answer = upload(api, "email\nb@example.com\n", lists=[news.pk])
        assert answer.status_code == 400
        assert len(list(data_folder.glob("imports/*"))) == 1

    def test_an_import_that_nobody_picked_up_can_be_stopped(self, api, news, data_folder):
        upload(api, "email\na@example.com\n", lists=[news.pk])

        assert api.delete(URL).json()["data"]["status"] == "finished"

        assert not list(data_folder.glob("imports/*"))
        assert imported(api, "email\na@example.com\n", lists=[news.pk]).imported == 1

    def test_stopping_ends_with_the_chunk_in_hand(self, api, news, monkeypatch):
        monkeypatch.setattr(running, "CHUNK_ROWS", 2)
        upload(api, "email\n" + "".join(f"p{i}@example.com\n" for i in range(10)), lists=[news.pk])
        job = jobs.latest()
        store = running._store

        def stopping_store(*args):
            assert api.delete(URL).json()["data"]["status"] == "stopping"
            return store(*args)

        monkeypatch.setattr(running, "_store", stopping_store)
        running.run(job.pk)

        job.refresh_from_db()
        assert (job.status, job.imported) == ("finished", 2)
        assert "Stopped" in jobs.log(job)

    def test_two_workers_do_not_share_a_job(self, api, news):
        upload(api, "email\na@example.com\n", lists=[news.pk])
        job = jobs.latest()
        assert jobs.take(job.pk) is not None

        running.run(job.pk)

        assert not Subscriber.objects.exists()
        assert jobs.waiting() == []


class TestResuming:
    def test_a_killed_import_goes_on_where_it_stopped(self, api, news, monkeypatch):
        monkeypatch.setattr(running, "CHUNK_ROWS", 3)
        lines = [f"p{i}@example.com" if i % 4 else "bad" for i in range(10)]
        upload(api, "email\n" + "\n".join(lines), lists=[news.pk])
        job = jobs.latest()
        store, calls = running._store, []

        def dying_store(*args):
            calls.append(args)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return store(*args)

        monkeypatch.setattr(running, "_store", dying_store)
        with pytest.raises(KeyboardInterrupt):
            running.run(job.pk)
        assert ImportJob.objects.get().rows_done == 6
        ImportJob.objects.update(lease_until="2000-01-01T00:00:00Z")
        assert jobs.waiting() == [job.pk]

        running.run(job.pk)

        job.refresh_from_db()
        assert (job.status, job.total, job.imported, job.rejected) == ("finished", 10, 7, 3)
        assert job.lines.filter(rejected=True).count() == 3
        assert len(people()) == 7

    def test_who_lost_the_lease_stores_nothing(self, api, news, monkeypatch):
        upload(api, "email\na@example.com\n", lists=[news.pk])
        job = jobs.latest()
        read = running._read_chunk

        def slow_read(*args):
            ImportJob.objects.update(token="00000000-0000-0000-0000-000000000001")
            return read(*args)

        monkeypatch.setattr(running, "_read_chunk", slow_read)
        running.run(job.pk)

        assert not Subscriber.objects.exists()
        job.refresh_from_db()
        assert job.status == "importing"

    def test_a_file_that_kills_its_process_is_given_up(self, api, news):
        upload(api, "email\na@example.com\n", lists=[news.pk])
        ImportJob.objects.update(attempts=jobs.MOST_ATTEMPTS)

        running.run(jobs.latest().pk)

        assert jobs.latest().status == "failed"
        assert "Given up" in jobs.log(jobs.latest())

    def test_a_file_on_another_machine_fails_with_a_sentence(self, api, news):
        upload(api, "email\na@example.com\n", lists=[news.pk])
        Path(jobs.latest().path).unlink()

        running.run(jobs.latest().pk)

        assert jobs.latest().status == "failed"
        assert "DATA_DIR" in jobs.log(jobs.latest())


def test_a_row_that_the_database_refuses_is_rejected_alone(api, news, monkeypatch):
    from subscribers.importing import rows

    honest = rows._attributes
    monkeypatch.setattr(rows, "_attributes", lambda text: ("{", "") if text == "evil" else honest(text))
    lines = "".join(f"p{i}@example.com,\n" for i in range(9))

    job = imported(api, f"email,attributes\n{lines}bad@example.com,evil\nq@example.com,\n", lists=[news.pk])

    assert (job.imported, set(rejected(job))) == (10, {11})
    assert "database" in rejected(job)[11]


def test_files_that_no_import_needs_are_deleted_after_a_day(api, news, data_folder):
    upload(api, "email\na@example.com\n", lists=[news.pk])
    stray, new = files.folder() / "stray.csv", files.folder() / "new.csv"
    for path in (stray, new):
        path.write_text("email\n")
    for path in (stray, Path(jobs.latest().path)):
        os.utime(path, (0, 0))

    assert files.forget_strays(jobs.paths_in_use()) == 1

    assert {path.name for path in files.folder().iterdir()} == {"new.csv", Path(jobs.latest().path).name}


def test_staff_hear_how_it_ended(api, news):
    runtime.save({"app.notify_emails": ["boss@example.com", "no address"]})

    imported(api, "email\na@example.com\nbad\n", lists=[news.pk])
    imported(api, "mail\na@example.com\n", lists=[news.pk])

    first, second = SystemMail.objects.order_by("pk")
    assert first.to == "boss@example.com"
    assert "finished" in first.subject
    assert "1 of 2" in first.html
    assert "failed" in second.subject
    assert "no column named email" in second.html


class TestCommand:
    def test_it_imports_in_the_foreground(self, tmp_path, news, capsys):
        source = tmp_path / "people.csv"
        source.write_text("email\na@example.com\nbad\n")

        call_command("import_subscribers", source, "--list", news.pk, "--status", "confirmed")

        assert statuses(news) == {"a@example.com": "confirmed"}
        assert "Imported 1 of 2 row(s), 1 rejected." in capsys.readouterr().out
        assert source.exists()

    def test_mistakes_are_sentences(self, tmp_path, news):
        for arguments in (["x.csv"], ["x.csv", "--list", 999], ["x.csv", "--list", news.pk]):
            with pytest.raises(CommandError):
                call_command("import_subscribers", *arguments)
        assert not ImportJob.objects.exists()


class TestPeopleOutOfReach:
    """Who imports with access to some lists touches and sees the people on these, and nobody else."""

    @pytest.fixture
    def theirs(self):
        return make_list(name="Theirs")

    @pytest.fixture
    def limited(self, news):
        return make_api_client(
            "subscribers:import", "subscribers:get", grants={news: ["list:get", "list:manage"]}
        )

    @pytest.fixture
    def zoe(self, theirs):
        return make_subscriber(
            email="zoe@example.com", name="Zoe", attribs={"secret": 1}, lists={theirs: "confirmed"}
        )

    FILE = 'email,name,attributes\nzoe@example.com,Changed,"{""b"": 2}"\nnew@example.com,New,\n'

    def test_they_are_neither_changed_nor_subscribed_and_the_row_says_so(self, limited, news, theirs, zoe):
        job = imported(limited, self.FILE, lists=[news.pk], overwrite=True, subscription_status="confirmed")

        assert people()["zoe@example.com"] == ("Zoe", {"secret": 1})
        assert statuses(theirs) == {"zoe@example.com": "confirmed"}
        assert statuses(news) == {"new@example.com": "confirmed"}
        assert (job.imported, job.rejected) == (1, 1)
        assert "no list that you may see" in rejected(job)[2]

    def test_nothing_of_them_can_be_read_afterwards(self, limited, news, zoe):
        imported(limited, self.FILE, lists=[news.pk], overwrite=True)

        seen = limited.get("/api/subscribers").json()["data"]["results"]

        assert [one["email"] for one in seen] == ["new@example.com"]
        assert limited.get(f"/api/subscribers/{zoe.pk}").status_code == 403
        for url in (f"{URL}/logs", f"{URL}/rejects.csv"):
            answer = limited.get(url)
            text = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert b"secret" not in text

    def test_somebody_on_no_list_is_out_of_reach_too(self, limited, news):
        make_subscriber(email="zoe@example.com", name="Zoe", attribs={"secret": 1})

        imported(limited, self.FILE, lists=[news.pk], overwrite=True)

        assert people()["zoe@example.com"] == ("Zoe", {"secret": 1})
        assert statuses(news) == {"new@example.com": "unconfirmed"}

    def test_somebody_on_one_of_the_lists_is_written_to_as_ever(self, limited, news, theirs):
        make_subscriber(
            email="zoe@example.com", name="Zoe", lists={news: "unsubscribed", theirs: "confirmed"}
        )

        job = imported(limited, self.FILE, lists=[news.pk], overwrite=True, subscription_status="confirmed")

        assert people()["zoe@example.com"] == ("Changed", {"b": 2})
        assert statuses(news)["zoe@example.com"] == "confirmed"
        assert statuses(theirs) == {"zoe@example.com": "confirmed"}
        assert job.rejected == 0

    def test_they_cannot_be_blocklisted(self, limited, theirs, zoe):
        job = imported(limited, self.FILE, mode="blocklist")

        assert Subscriber.objects.get(pk=zoe.pk).status == "enabled"
        assert statuses(theirs) == {"zoe@example.com": "confirmed"}
        assert Subscriber.objects.get(email="new@example.com").status == "blocklisted"
        assert (job.imported, job.rejected) == (1, 1)
        again = imported(limited, "email\nnew@example.com\n", mode="blocklist")
        assert (again.imported, again.rejected) == (1, 0)

    @pytest.mark.parametrize("permission", ["lists:get_all", "subscribers:get_all"])
    def test_who_may_see_everybody_reaches_everybody(self, news, zoe, permission):
        wide = make_api_client("subscribers:import", permission, grants={news: ["list:manage"]})

        job = imported(wide, self.FILE, lists=[news.pk], overwrite=True)

        assert people()["zoe@example.com"] == ("Changed", {"b": 2})
        assert job.rejected == 0

    def test_the_same_address_twice_is_told_twice(self, limited, news, zoe):
        job = imported(limited, "email\nzoe@example.com\nZOE@example.com\n", lists=[news.pk])

        assert rejected(job).keys() == {2, 3}

    def test_rows_of_somebody_elses_import_are_not_shown(self, api, limited, news):
        imported(api, "email\nsomebody@example.com\nrubbish\n", lists=[news.pk])

        assert limited.get(f"{URL}/logs").json()["data"] == ""
        assert limited.get(f"{URL}/rejects.csv").status_code == 400
        assert "Finished" in api.get(f"{URL}/logs").json()["data"]
        own = imported(limited, "email\nrubbish of mine\n", lists=[news.pk])
        assert own.rejected == 1
        text = b"".join(limited.get(f"{URL}/rejects.csv").streaming_content)
        assert b"rubbish of mine" in text

    def test_nor_are_they_on_the_page_of_imports(self, api, news, client):
        job = imported(api, "email\nrubbish of others\n", lists=[news.pk])
        client.force_login(make_user("subscribers:import", grants={news: ["list:get", "list:manage"]}))
        page, rows = (
            reverse("admin:subscribers_importjob_changelist"),
            reverse("admin:subscribers_importjob_rejects", args=[job.pk]),
        )

        assert "rubbish of others" not in client.get(page).content.decode()
        assert client.get(rows).status_code == 404
        client.force_login(make_user(superadmin=True))
        assert "rubbish of others" in client.get(page).content.decode()
        assert b"rubbish of others" in b"".join(client.get(rows).streaming_content)
