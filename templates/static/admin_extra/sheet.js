// The message on the page before Start.
"use strict";

for (const place of document.querySelectorAll("[data-html]")) {
  const body = JSON.parse(document.getElementById(place.dataset.html).textContent);
  showMessage(place, body, { plain: "plain" in place.dataset });
}
