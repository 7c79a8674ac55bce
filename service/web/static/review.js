// Keys of the review page: each presses the link or button marked with it. The page works without this.
"use strict";
(() => {
  const box = document.getElementById("keys");
  const choice = document.getElementById("shortcuts");
  if (!box || !choice) return;
  const name = "wasl-review-keys";
  const kept = (value) => {
    try {
      if (value !== undefined) localStorage.setItem(name, value);
      return localStorage.getItem(name);
    } catch {
      return value; // storage may be forbidden: the choice then holds for this page
    }
  };
  choice.closest("p").hidden = false;
  choice.checked = kept() !== "off";
  choice.addEventListener("change", () => kept(choice.checked ? "on" : "off"));
  const rtl = document.documentElement.dir === "rtl";
  const moves = { ArrowRight: rtl ? "k" : "j", ArrowLeft: rtl ? "j" : "k" };

  document.addEventListener("keydown", (event) => {
    if (!choice.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("select, textarea, input:not([type=checkbox])")) return;
    if (event.key in moves && event.target.closest(".scroll")) return; // there the arrows scroll
    const key = moves[event.key] || event.key.toLowerCase();
    if (key === "?") {
      box.open = !box.open;
      if (box.open) box.querySelector("summary").focus();
    } else {
      const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (!target) return;
      target.click();
    }
    event.preventDefault();
  });
})();
