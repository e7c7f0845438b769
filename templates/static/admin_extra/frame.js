// A message in a frame of its own, where none of its scripts and forms run.
"use strict";

function showMessage(place, body, { plain = false, width = "" } = {}) {
  const frame = document.createElement("iframe"); // a new one each time, so that Back leaves the page
  frame.setAttribute("sandbox", "");
  frame.title = "The message";
  if (plain) {
    const text = document.createElement("pre");
    text.textContent = body;
    text.style.cssText = "white-space: pre-wrap; font: 14px/1.5 monospace; padding: 1rem";
    frame.srcdoc = text.outerHTML;
  } else {
    frame.srcdoc = body;
  }
  if (width) {
    frame.style.maxWidth = `${width}px`;
  }
  place.replaceChildren(frame);
}
