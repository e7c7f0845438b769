// Show or hide what is typed into each password field; hide the passkey button where there are none.
"use strict";

for (const field of document.querySelectorAll('input[type="password"]')) {
  const box = document.createElement("div");
  const button = document.createElement("button");
  box.className = "with-toggle";
  button.type = "button";
  button.textContent = "Show";
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-controls", field.id);
  button.addEventListener("click", () => {
    const hidden = field.type === "password";
    field.type = hidden ? "text" : "password";
    button.textContent = hidden ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(hidden));
    field.focus();
  });
  const wasFocused = field.autofocus || document.activeElement === field;
  field.replaceWith(box);
  box.append(field, button);
  if (wasFocused) {
    field.focus(); // moving an element takes the focus away
  }
}

const passkey = document.getElementById("passkey_login");
if (passkey && !window.PublicKeyCredential) {
  passkey.hidden = true;
}
