// The desk works without this file. With it pages stay fresh by server-sent events, clocks run, and keys do what is done most.
(() => {
  const live = () => document.getElementById("live");
  const typing = (node) => /^(INPUT|SELECT|TEXTAREA)$/.test(node?.tagName ?? "") && node.type !== "checkbox";

  // What somebody is typing, has opened or chosen stays as it is when the page around it is looked at again.
  const keep = window.Idiomorph?.defaults.callbacks;
  if (keep) {
    keep.beforeNodeMorphed = (old) => !(old.matches?.("form[data-typed], .picker, [data-pick]:checked"));
    keep.beforeAttributeUpdated = (name, node) => !(name === "open" && /^(DETAILS|DIALOG)$/.test(node.tagName));
  }
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if ("pick" in event.target.dataset) { chosen(); return; }
    if (form && live()?.contains(form)) form.dataset.typed = "";
  });
  document.addEventListener("submit", (event) => delete event.target.dataset.typed);

  // Look at the page again: the same address, and only what differs is changed.
  let looking = false, again = false;
  const look = async () => {
    if (looking) { again = true; return; }
    looking = true;
    const offers = document.querySelector("[data-offers]")?.dataset.offers;
    try {
      const source = live()?.dataset.here ?? location.pathname + location.search;
      await htmx.ajax("GET", source, { source: "#live", target: "#live", swap: "morph:outerHTML", select: "#live" });
      const version = document.querySelector("[data-version]")?.dataset.version;
      if (version) document.querySelectorAll("input[name=version]").forEach((i) => { i.value = version; });
      if (Number(document.querySelector("[data-offers]")?.dataset.offers) > Number(offers)) toast("offer");
    } finally {
      looking = false;
      tick();
      chosen();
      if (again) { again = false; look(); }
    }
  };
  const toast = (what) => {
    const place = document.getElementById("toast");
    if (!place) return;
    place.textContent = place.dataset[what];
    place.classList.add("shown");
    setTimeout(() => { place.classList.remove("shown"); place.textContent = ""; }, 6000);
  };
  document.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status === 401) location.reload(); });

  // The stream: ended while the tab is hidden, taken up where it was left when it is seen again.
  let source = null, last = "";
  const state = (on) => {
    const sign = document.getElementById("link");
    if (sign) { sign.hidden = false; sign.textContent = on ? sign.dataset.on : sign.dataset.off; sign.classList.toggle("on", on); }
  };
  const connect = () => {
    const address = live()?.dataset.live;
    if (!address || source) return;
    source = new EventSource(last ? address.replace(/since=[^&]*/, `since=${encodeURIComponent(last)}`) : address);
    source.addEventListener("open", () => state(true));
    for (const name of ["work", "queue", "case"]) {
      source.addEventListener(name, (event) => {
        last = event.lastEventId || last;
        if (name === "case") toast("changed");
        look();
      });
    }
    source.addEventListener("error", () => {
      state(false);
      if (source?.readyState === EventSource.CLOSED) { source = null; setTimeout(connect, 5000 + Math.random() * 5000); }
    });
  };
  const disconnect = () => { source?.close(); source = null; };
  let hiding;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(disconnect, 20000); else connect();
  });
  addEventListener("pagehide", disconnect);

  // Clocks: in seconds during the last hour.
  const pad = (n) => String(n).padStart(2, "0");
  const words = (seconds, units) => {
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
    if (minutes >= 2880) return `${Math.floor(minutes / 1440)}${units[0]}`;
    if (hours) return `${hours}${units[1]}` + (minutes % 60 ? ` ${minutes % 60}${units[2]}` : "");
    return `${minutes}:${pad(Math.floor(seconds % 60))}`;
  };
  const tick = () => {
    const place = live();
    if (!place) return;
    const units = place.dataset.units.split("|");
    document.querySelectorAll("time[data-due]").forEach((clock) => {
      const left = (Date.parse(clock.dateTime) - Date.now()) / 1000;
      const text = (left >= 0 ? place.dataset.left : place.dataset.over).replace("{}", words(Math.abs(left), units));
      if (clock.textContent !== text) clock.textContent = text;
      clock.classList.toggle("over", left < 0);
      clock.classList.toggle("soon", left >= 0 && (left < 7200 || "ends" in clock.dataset));
    });
  };
  setInterval(tick, 1000);

  // Many at once: the bar shows while a row is chosen, with the fields of its command.
  const picks = () => [...document.querySelectorAll("[data-pick]")];
  const chosen = () => {
    const bar = document.getElementById("many");
    if (!bar) return;
    const cases = new Set(picks().filter((p) => p.checked).map((p) => p.value));
    bar.classList.toggle("on", cases.size > 0);
    document.getElementById("many-count").textContent = bar.dataset.chosen.replace("{}", cases.size);
    const command = bar.elements.command.value;
    bar.querySelectorAll("[data-for]").forEach((part) => part.classList.toggle("on", part.dataset.for.split(" ").includes(command)));
  };
  const choose = (on) => { picks().forEach((p) => { p.checked = on; }); chosen(); };

  // Keys.
  const rows = () => [...document.querySelectorAll("a[data-row]")].filter((a) => a.offsetParent);
  const step = (by) => {
    const all = rows(), at = all.indexOf(document.activeElement);
    all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
  };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) { event.target.form.requestSubmit(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = CSS.escape(event.key);
    const go = performance.now() - going < 1500 && document.querySelector(`[data-go="${key}"]`);
    going = event.key === "g" ? performance.now() : 0;
    const target = go || document.querySelector(`[data-key="${key}"], [data-press="${key}"]`);
    if (event.key === "?") { document.getElementById("keys")?.showModal(); event.preventDefault(); return; }
    if (event.key === "j" || event.key === "k") { step(event.key === "j" ? 1 : -1); event.preventDefault(); return; }
    if (event.key === "v" || event.key === "V") { // choose the row under the cursor, or all
      const pick = document.activeElement?.closest("li")?.querySelector("[data-pick]");
      if (event.key === "V") choose(picks().some((p) => !p.checked));
      else if (pick) { pick.checked = !pick.checked; chosen(); }
      event.preventDefault();
      return;
    }
    if (event.key === "b" && document.querySelector("#many.on")) {
      document.getElementById("many-command").focus();
      event.preventDefault();
      return;
    }
    if (event.key === "e") { // give the row under the cursor to somebody
      const row = document.activeElement?.closest("li, article")?.querySelector("details.give");
      if (row) { row.open = true; row.querySelector("select")?.focus(); event.preventDefault(); }
      return;
    }
    if (!target) return;
    event.preventDefault();
    if (target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView({ block: "nearest" });
      target.querySelector("textarea,select,input:not([type=hidden])")?.focus();
    } else if (go || target.tagName === "A" || "press" in target.dataset) {
      target.click();
      if (target.tagName === "SUMMARY") target.parentElement.querySelector("input")?.focus();
    } else { target.focus(); target.select?.(); }
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) document.getElementById(opener.dataset.open)?.showModal();
    const filler = event.target.closest("[data-fill]");
    if (filler) fill(filler);
    const all = event.target.closest("[data-picks]");
    if (all) choose(all.dataset.picks === "all");
  });
  document.addEventListener("change", (event) => { if (event.target.form?.id === "many") chosen(); if ("submit" in event.target.dataset) event.target.form.requestSubmit(); });

  // A button that writes into fields: {"field": "value"}; what stands there already is only replaced when it is empty.
  const fill = (button) => {
    const form = document.getElementById(button.dataset.form);
    for (const [name, value] of Object.entries(JSON.parse(button.dataset.fill))) {
      const field = form?.elements[name];
      if (field) { field.value = value; field.dispatchEvent(new Event("input", { bubbles: true })); }
    }
  };

  document.documentElement.classList.add("js");
  connect();
  tick();
  chosen();
})();
