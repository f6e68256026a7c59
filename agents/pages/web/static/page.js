// Keeps a page up to date: says in which zone it is read, replaces its parts when the server tells of a change, counts down.
"use strict";

(() => {
  const cookie = (name) => document.cookie.split("; ").find((one) => one.startsWith(name + "="))?.split("=")[1];
  const keep = (name, value) => {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=strict`;
  };

  // -- the zone: the viewer's own at the first visit, or UTC when that was chosen
  if (cookie("gridpact_zone") === undefined) {
    keep("gridpact_zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
    if (cookie("gridpact_zone") !== undefined) location.reload();
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zone]");
    if (!button) return;
    keep("gridpact_zone", button.dataset.zone || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
    location.reload();
  });

  // -- countdowns: the system's clock may run faster than ours
  const clock = { at: 0, heard: 0, speed: 1 };
  const setClock = () => {
    const main = document.querySelector("main");
    if (!main?.dataset.now) return;
    clock.at = Date.parse(main.dataset.now);
    clock.heard = performance.now();
    clock.speed = Number(main.dataset.speed) || 0;
  };
  const two = (number) => String(number).padStart(2, "0");
  const left = (seconds) => {
    const [hours, minutes, rest, due] = (document.querySelector("main").dataset.countdown || " h | min | s|now").split("|");
    if (seconds <= 0) return due;
    const h = Math.floor(seconds / 3600), m = Math.floor((seconds % 3600) / 60), s = Math.floor(seconds % 60);
    if (h) return `${h}${hours}${two(m)}${minutes}`.trimEnd();
    return m ? `${m}${minutes}${two(s)}${rest}` : `${s}${rest}`;
  };
  const tick = () => {
    const now = clock.at + (performance.now() - clock.heard) * clock.speed;
    for (const one of document.querySelectorAll("[data-until]")) {
      const text = left(Math.round((Date.parse(one.dataset.until) - now) / 1000));
      if (one.textContent !== text) one.textContent = text;
    }
  };

  // -- changes
  let busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-part": "1" }, credentials: "same-origin" });
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
        const main = document.querySelector("main");
        if (fresh && main) {
          Idiomorph.morph(main, fresh, {
            ignoreActiveValue: true,
            callbacks: {
              beforeNodeMorphed: (from, to) => {
                if (from.tagName === "DETAILS" && from.open) to.setAttribute("open", "");
                return !(from.dataset && from.dataset.own !== undefined);
              },
              beforeNodeRemoved: (node) => !(node.dataset && node.dataset.own !== undefined),
            },
          });
          const badge = document.querySelector(".badge");
          if (badge) badge.textContent = main.dataset.alerts || "";
          setClock();
          tick();
        }
      }
    } catch (error) {
      document.body.dataset.lost = "1";
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };
  const listen = () => {
    const source = new EventSource("/stream");
    source.addEventListener("changed", () => { delete document.body.dataset.lost; refresh(); });
    source.onopen = () => { delete document.body.dataset.lost; };
    source.onerror = () => { document.body.dataset.lost = "1"; };
  };

  // -- the slider of a replay
  const slide = () => {
    const slider = document.querySelector("[data-slider]");
    if (!slider) return;
    const speed = document.querySelector("[data-speed-of-replay]"), play = document.querySelector("[data-play]");
    const show = () => {
      const url = new URL(location.href);
      url.searchParams.set("at", slider.value);
      history.replaceState(null, "", url);
      return refresh();
    };
    let timer = 0, at = Number(slider.value), heard = 0;
    slider.addEventListener("input", () => { at = Number(slider.value); show(); });
    play?.addEventListener("click", () => {
      if (timer) { clearInterval(timer); timer = 0; play.textContent = play.dataset.play; return; }
      play.textContent = play.dataset.pause;
      heard = performance.now();
      timer = setInterval(() => {
        const now = performance.now();
        at += (now - heard) / 1000 * Number(speed.value); // by the clock: a busy browser skips turns
        heard = now;
        slider.value = Math.floor(at);
        if (at >= Number(slider.max)) play.click();
        show();
      }, 500);
    });
  };

  setClock();
  tick();
  setInterval(tick, 250);
  slide();
  if (document.body.dataset.live !== undefined) listen();
})();
