// Keeps a campaign's equation current: asks once a second while the page is seen, rarely while it is not.
"use strict";

const PARTS = ["accepted", "skipped", "failed", "unknown", "deferred"];
const number = new Intl.NumberFormat("en");

function words(seconds) {
  if (seconds < 90) {
    return `${Math.max(1, Math.round(seconds))} s`;
  }
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function pace(figures) {
  const parts = [];
  if (figures.is_planning) {
    parts.push("still counting the audience");
  }
  if (figures.rate) {
    parts.push(`${number.format(figures.rate)} a minute`);
  }
  if (figures.eta_s !== null) {
    parts.push(`about ${words(figures.eta_s)} left`);
  } else if (figures.status !== "running" && figures.duration_s) {
    parts.push(`took ${words(figures.duration_s)}`);
  }
  return parts.join(" · ");
}

function draw(box, figures) {
  for (const part of PARTS) {
    const share = figures.audience ? (100 * figures[part]) / figures.audience : 0;
    box.querySelector(`[data-part="${part}"]`).style.width = `${share}%`;
  }
  for (const name of [...PARTS, "audience", "waiting"]) {
    const place = box.querySelector(`[data-figure="${name}"]`);
    if (place) {
      const about = name === "audience" && figures.audience_exact === false ? "~" : "";
      place.textContent = about + number.format(figures[name]);
    }
  }
  if (figures.words !== undefined) {
    box.querySelector('[data-figure="pace"]').textContent = pace(figures);
    box.querySelector(".lm-meter").setAttribute("aria-valuenow", figures.percent);
  }
}

async function follow(box) {
  try {
    const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const figures = await answer.json();
    draw(box, figures);
    if (figures.status !== box.dataset.status) {
      window.location.reload(); // other buttons, other words
      return;
    }
  } catch {
    box.querySelector('[data-figure="pace"]').textContent = "no answer, trying again";
  }
  window.setTimeout(() => follow(box), document.hidden ? 10_000 : 1_000);
}

for (const box of document.querySelectorAll("[data-status]:has(.lm-equation)")) {
  draw(box, JSON.parse(box.querySelector(".lm-equation").dataset.values));
  if (box.dataset.progress) {
    follow(box);
  }
}
