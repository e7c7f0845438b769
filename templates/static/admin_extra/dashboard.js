// The running campaigns on the dashboard, asked for every two seconds while there are any.
"use strict";

const format = new Intl.NumberFormat("en");
const box = document.querySelector("[data-running]");

for (const bar of document.querySelectorAll("[data-bar]")) {
  bar.style.width = `${bar.dataset.percent}%`;
}

function update(row, found) {
  const settled = found.accepted + found.failed + found.skipped + found.unknown;
  row.querySelector("[data-bar]").style.width = `${found.audience ? (100 * settled) / found.audience : 0}%`;
  row.querySelector("[data-rate]").textContent = found.rate ? `${format.format(found.rate)} a minute` : "";
  const failed = found.failed ? `, ${format.format(found.failed)} failed` : "";
  row.querySelector("[data-text]").textContent =
    `${format.format(found.accepted)} of ${format.format(found.audience)}${failed}`;
}

async function follow() {
  const rows = [...document.querySelectorAll("[data-campaign]")];
  try {
    const answer = await fetch("/api/campaigns/running/stats");
    const stats = answer.ok ? (await answer.json()).data : null;
    const byId = new Map((stats || []).map((one) => [String(one.id), one]));
    if (stats && rows.some((row) => !byId.has(row.dataset.campaign))) {
      window.location.reload(); // one has ended
      return;
    }
    for (const row of stats ? rows : []) {
      update(row, byId.get(row.dataset.campaign));
    }
  } catch {
    // Asked again below.
  }
  window.setTimeout(follow, document.hidden ? 15_000 : 2_000);
}

if (box && box.dataset.running !== "0") {
  follow();
}
