// The preview beside the form of a campaign or template, and buttons that insert fields into the text.
"use strict";

const FIELDS = ["name", "subject", "body", "altbody", "from_email", "content_type", "template", "type"];
const INSERTS = [
  ["First name", "{{ .Subscriber.FirstName }}"],
  ["Name", "{{ .Subscriber.Name }}"],
  ["Address", "{{ .Subscriber.Email }}"],
  ["Unsubscribe link", '<a href="{{ UnsubscribeURL }}">Unsubscribe</a>'],
  ["View in browser", '<a href="{{ MessageURL }}">View in browser</a>'],
  ["Tracked link", '<a href="https://example.com@TrackLink">text</a>'],
];
const WAIT_MS = 500;

const pane = document.querySelector("[data-preview]");
const form = document.querySelector("#content-main form");
const shown = (name) => pane.querySelector(`[data-shown="${name}"]`);
let timer = 0;
let latest = 0;
let last = null;
let width = "";

function asked() {
  const data = new FormData();
  data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.set("id", pane.dataset.id);
  data.set("stored_type", pane.dataset.type || "");
  for (const name of FIELDS) {
    if (form.elements[name]) {
      data.set(name, form.elements[name].value);
    }
  }
  if (form.elements.auto_altbody && form.elements.auto_altbody.checked) {
    data.set("auto_altbody", "on");
  }
  const person = document.getElementById("preview-as");
  data.set("as", person ? person.value : "");
  return data;
}

function draw(answer) {
  const error = shown("error");
  error.hidden = !answer.error;
  if (answer.error) {
    error.textContent = answer.error;
    return;
  }
  last = answer;
  shown("subject").textContent = answer.subject || "(no subject)";
  if (shown("sender")) {
    shown("sender").textContent = answer.sender;
  }
  if (shown("size")) {
    shown("size").textContent = answer.size > 1024 ? `${Math.round(answer.size / 1024)} kB` : "";
  }
  pane.querySelector(".lm-envelope").hidden = false;
  showMessage(pane.querySelector(".lm-frame"), answer.body, { plain: !answer.is_html, width });
}

async function refresh() {
  const turn = ++latest;
  try {
    const answer = await fetch(pane.dataset.preview, { method: "POST", body: asked() });
    const found = answer.ok ? await answer.json() : { error: `The preview is not available (${answer.status}).` };
    if (turn === latest) {
      draw(found); // answers that were overtaken are dropped
    }
  } catch {
    shown("error").hidden = false;
    shown("error").textContent = "The server does not answer.";
  }
}

function soon() {
  window.clearTimeout(timer);
  timer = window.setTimeout(refresh, WAIT_MS);
}

function addInserts(field) {
  const row = document.createElement("div");
  row.className = "lm-insert";
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Insert into the text");
  for (const [label, text] of INSERTS) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    row.append(button);
  }
  field.before(row);
}

if (pane && form) {
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  document.getElementById("preview-as")?.addEventListener("change", refresh);
  for (const button of pane.querySelectorAll("[data-width]")) {
    button.addEventListener("click", () => {
      width = button.dataset.width;
      for (const other of pane.querySelectorAll("[data-width]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      if (last) {
        draw(last);
      }
    });
  }
  if (form.elements.body) {
    addInserts(form.elements.body);
  }
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      form.requestSubmit(document.querySelector('[name="_continue"], [name="_save"]'));
    }
  });
  refresh();
}
