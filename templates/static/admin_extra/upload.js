// Files dropped onto the media library.
"use strict";

for (const form of document.querySelectorAll("[data-drop]")) {
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("lm-over", kind === "dragover");
    });
  }
  form.addEventListener("drop", (event) => {
    form.elements.files.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}
