// Solves the proof of work of the sign-up form (ALTCHA, SHA-256): which number n makes
// sha256(salt + n) the challenge? In slices, so that the page stays alive; without WebCrypto, which
// browsers only give to pages under https.
"use strict";

const K = [], H0 = [];
for (let n = 2; K.length < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
  if (!prime) continue;
  const fraction = (root) => ((root - Math.floor(root)) * 4294967296) | 0;
  if (H0.length < 8) H0.push(fraction(Math.sqrt(n)));
  K.push(fraction(Math.cbrt(n)));
}

function sha256(text) { // ASCII of any length, as eight 32-bit words
  const length = text.length, blocks = ((length + 8) >> 6) + 1, words = new Int32Array(blocks * 16);
  for (let i = 0; i < length; i++) words[i >> 2] |= text.charCodeAt(i) << (24 - (i & 3) * 8);
  words[length >> 2] |= 0x80 << (24 - (length & 3) * 8);
  words[words.length - 1] = length * 8;
  const hash = H0.slice(), w = new Int32Array(64);
  for (let at = 0; at < words.length; at += 16) {
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      if (i < 16) w[i] = words[at + i];
      else {
        const x = w[i - 15], y = w[i - 2];
        w[i] = (w[i - 16] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ (x >>> 3)) + w[i - 7]
          + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ (y >>> 10))) | 0;
      }
      const t1 = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7))
        + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const t2 = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10))
        + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => { hash[i] = (hash[i] + value) | 0; });
  }
  return hash;
}

const SLICE = 4000;

function solve(challenge, done, failed) {
  const wanted = challenge.challenge.match(/.{8}/g).map((part) => parseInt(part, 16) | 0);
  let n = 0;
  (function slice() {
    for (const end = n + SLICE; n < end; n++) {
      if (n > challenge.maxNumber) return failed();
      const hash = sha256(challenge.salt + n);
      if (hash[0] === wanted[0] && hash.every((word, i) => word === wanted[i])) return done(n);
    }
    setTimeout(slice, 0);
  })();
}

for (const box of document.querySelectorAll("[data-captcha]")) {
  const status = box.querySelector("[role=status]"), button = box.closest("form").querySelector("button");
  button.disabled = true;
  const fail = () => { status.textContent = box.dataset.failed; };
  fetch(box.dataset.captcha)
    .then((answer) => answer.json())
    .then((challenge) => solve(challenge, (number) => {
      const { algorithm, challenge: hash, salt, signature } = challenge;
      box.querySelector("[name=altcha]").value =
        btoa(JSON.stringify({ algorithm, challenge: hash, number, salt, signature }));
      status.textContent = box.dataset.checked;
      button.disabled = false;
    }, fail))
    .catch(fail);
}
