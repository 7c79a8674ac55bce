// Live progress of a run: asks the page's JSON twin and puts its words in place. The page works without it.
"use strict";
(() => {
  const box = document.getElementById("live");
  const source = box && box.dataset.source;
  if (!source) return;
  const part = (root, name) => root.querySelector(`[data-live="${name}"]`);
  const put = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };
  let wait = 1000;
  let spoken = -1;

  async function look() {
    try {
      const answer = await fetch(source, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const { live, run } = await answer.json();
      if (!live.active || live.state !== box.dataset.state || Boolean(run.trouble) !== (box.dataset.trouble === "yes")) {
        return location.reload();
      }
      show(live);
      wait = 1000;
    } catch {
      wait = Math.min(wait * 2, 30000); // the unit does not answer: ask less often
    }
    setTimeout(look, wait);
  }

  function show(live) {
    box.querySelector("progress").value = live.percent;
    put(part(box, "percent"), live.percent_text);
    put(part(box, "text"), live.text);
    const tenth = Math.floor(live.percent / 10);
    if (tenth > spoken) { // not every step is worth reading out
      spoken = tenth;
      put(part(box, "spoken"), live.percent_text);
    }
    for (const stage of live.stages) {
      const item = box.querySelector(`[data-stage="${stage.name}"]`);
      if (!item) continue;
      item.className = stage.state;
      if (stage.state === "running") item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      put(part(item, "state"), stage.state_text);
      put(part(item, "count"), stage.count);
    }
  }

  setTimeout(look, wait);
})();
