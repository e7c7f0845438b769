// Lists of servers and other entries in the settings: adding one, filling one in, and trying it.
"use strict";

const presets = JSON.parse(document.getElementById("smtp-presets")?.textContent || "{}");

function input(entry, name) {
  return entry.querySelector(`[name$="-${name}"]`);
}

function value(entry, name) {
  const field = input(entry, name);
  if (field.type === "checkbox") {
    return field.checked;
  }
  return field.type === "number" ? Number(field.value) : field.value;
}

function add(list) {
  const prefix = list.dataset.entries;
  const total = document.querySelector(`[name="${prefix}-TOTAL_FORMS"]`);
  const made = list.querySelector("template").content.cloneNode(true);
  for (const element of made.querySelectorAll("*")) {
    for (const attribute of ["name", "id", "for"]) {
      if (element.hasAttribute(attribute)) {
        element.setAttribute(attribute, element.getAttribute(attribute).replace("__prefix__", total.value));
      }
    }
  }
  total.value = Number(total.value) + 1;
  list.querySelector("[data-none]")?.remove();
  list.querySelector("template").before(made);
  const entries = list.querySelectorAll("[data-entry]");
  entries[entries.length - 1].querySelector("input:not([type=hidden], [type=checkbox])").focus();
}

function fill(entry, preset) {
  for (const [name, text] of Object.entries(presets[preset] || {})) {
    input(entry, name).value = text;
  }
  if (presets[preset]) {
    input(entry, "auth_protocol").value = "login";
  }
}

function entryOf(element) {
  const entry = element.closest("[data-entry]");
  const names = ["uuid", "enabled", "host", "port", "tls_type", "auth_protocol", "username", "password"];
  const fields = Object.fromEntries(
    [...names, "hello_hostname", "tls_skip_verify"].map((name) => [name, value(entry, name)]),
  );
  return { ...fields, email: entry.querySelector("[data-to]").value };
}

// Every input of an entry by its name.
function fieldsOf(entry) {
  const named = [...entry.querySelectorAll("[name]")].map((one) => one.name.split("-").pop());
  return Object.fromEntries(
    named.filter((name) => name !== "DELETE").map((name) => [name, value(entry, name)]),
  );
}

async function tryOut(button, url, fields) {
  const result = button.parentElement.querySelector("[data-result]");
  const show = (text, kind) => {
    result.hidden = false;
    result.className = `lm-note ${kind}`;
    result.textContent = text;
  };
  button.disabled = true;
  show("Trying…", "");
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
      },
      body: JSON.stringify(fields),
    });
    const found = await answer.json();
    show(answer.ok ? found.data.join("\n") : found.message, answer.ok ? "lm-good" : "lm-bad");
  } catch {
    show("The server does not answer.", "lm-bad");
  }
  button.disabled = false;
}

document.addEventListener("click", (event) => {
  if (event.target.matches("[data-add]")) {
    add(event.target.closest("[data-entries]"));
  } else if (event.target.matches("[data-send]")) {
    tryOut(event.target, "/api/settings/smtp/test", entryOf(event.target));
  } else if (event.target.matches("[data-try]")) {
    tryOut(event.target, event.target.dataset.try, fieldsOf(event.target.closest("[data-entry]")));
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-preset]")) {
    fill(event.target.closest("[data-entry]"), event.target.value);
  }
});
