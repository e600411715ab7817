"use strict";
(() => {
  const root = document.documentElement;
  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // Theme: the system's until somebody chooses.
  const themes = ["automatic", "light", "dark"];
  const button = document.getElementById("theme");
  const remember = (theme) => { try { localStorage.setItem("vcmpipe-theme", theme); } catch (error) { /* not here */ } };
  const cached = () => { try { return localStorage.getItem("vcmpipe-theme"); } catch (error) { return null; } };
  const setTheme = (theme) => {
    if (theme === "automatic") root.removeAttribute("data-theme"); else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  let theme = themes.includes(cached()) ? cached() : "automatic";
  setTheme(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    setTheme(theme);
    remember(theme);
  });

  const store = document.getElementById("gallery-data");
  if (!store) return;
  const pictures = JSON.parse(store.textContent);
  const controls = document.getElementById("controls");
  const cards = document.getElementById("cards");
  const scale = document.getElementById("scale");
  const number = (value) => value.toLocaleString("en");

  // Low QPs (many bits) are bright, high ones dark.
  const stops = [[253, 231, 37], [122, 209, 81], [34, 168, 132], [42, 120, 142], [65, 68, 135], [50, 10, 60]];
  const colour = (qp, low, high) => {
    const place = (high > low ? (qp - low) / (high - low) : 0.5) * (stops.length - 1);
    const first = Math.min(Math.floor(place), stops.length - 2);
    return stops[first].map((part, i) => Math.round(part + (stops[first + 1][i] - part) * (place - first)));
  };
  const qps = pictures.flatMap((picture) => picture.versions.flatMap((version) => version.qps.flat()));
  const low = qps.reduce((a, b) => Math.min(a, b), 63);
  const high = qps.reduce((a, b) => Math.max(a, b), 0);
  const ends = scale.querySelectorAll("b");
  ends[0].textContent = low;
  ends[1].textContent = high;
  scale.querySelector("i").style.background =
    `linear-gradient(to right, ${stops.map((stop) => `rgb(${stop.join()})`).join()})`;

  const names = [...new Set(pictures.flatMap((picture) => picture.versions.map((version) => version.method)))];
  const choices = document.getElementById("versions");
  const first = names.includes(controls.dataset.opens) ? controls.dataset.opens : names[0];
  names.forEach((name) => {
    const label = element("label", "choice");
    const radio = element("input");
    Object.assign(radio, { type: "radio", name: "version", value: name, checked: name === first });
    label.append(radio, element("span", "", name));
    choices.append(label);
  });
  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  const chosen = () => controls.elements.version.value || names[0];
  const shows = (name) => controls.elements[name].checked;

  const drawMap = (version) => {
    const canvas = element("canvas");
    const rows = version.qps.length, columns = version.qps[0].length;
    Object.assign(canvas, { width: columns, height: rows });
    canvas.style.width = `${version.cell[0] * columns}%`;
    canvas.style.height = `${version.cell[1] * rows}%`;
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    version.qps.flat().forEach((qp, i) => image.data.set([...colour(qp, low, high), 255], 4 * i));
    context.putImageData(image, 0, 0);
    return canvas;
  };
  const place = (node, [x, y, width, height]) => {
    Object.assign(node.style, { left: `${x}%`, top: `${y}%`, width: `${width}%`, height: `${height}%` });
    return node;
  };
  const drawRegion = (region) => place(element("div", "region"), region);
  const drawQp = (region) => {
    const node = place(element("div", "qp"), region);
    node.append(element("span", "", region[4]));
    return node;
  };
  const drawThing = ({ box, state, name, score }) => {
    const node = place(element("div", `thing ${state}`), box);
    node.append(element("span", "", state === "kept" ? name : `${state}: ${name}`));
    node.title = `${state}: ${name}, ${score}`;
    return node;
  };

  // Labels are moved to where they hide no other one: those of lost objects first, QPs of regions last.
  const overlap = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left))
    * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const spread = (nodes, spots, stage, taken) => nodes.forEach((node) => {
    const label = node.querySelector("span");
    let best = null;
    for (const spot of spots) {
      node.dataset.spot = spot;
      const box = label.getBoundingClientRect();
      const hidden = taken.reduce((sum, other) => sum + overlap(box, other), 0);
      const outside = box.width * box.height - overlap(box, stage);
      const cost = hidden + 10 * outside;
      if (!best || cost < best.cost - 1) best = { spot, box, cost };
      if (cost < 1) break;
    }
    node.dataset.spot = best.spot;
    taken.push(best.box);
  });
  const order = ["lost", "new", "kept"];
  const arrange = ({ stage, things, qps: labels }) => {
    const taken = [...stage.querySelectorAll(".tag")].map((tag) => tag.getBoundingClientRect());
    const frame = stage.getBoundingClientRect();
    const boxes = shows("boxes") ? order.flatMap((state) => [...things.querySelectorAll(`.${state}`)]) : [];
    spread(boxes, ["above", "above right", "below", "below right", "within", "within right"], frame, taken);
    spread([...labels.children], ["right", "left", "right low", "left low", "middle"], frame, taken);
  };

  const fill = (card, picture) => {
    const version = picture.versions.find((one) => one.method === chosen()) || picture.versions[0];
    const { stage, caption, decoded, map, regions, things, qps: labels, tag } = card;
    decoded.src = version.image;
    decoded.alt = `${picture.name} as ${version.method} codes it`;
    map.replaceChildren(...(shows("map") ? [drawMap(version)] : []));
    const shown = shows("regions") ? version.regions : [];
    regions.replaceChildren(...shown.map(drawRegion));
    labels.replaceChildren(...shown.map(drawQp));
    things.replaceChildren(...version.things.map(drawThing));
    stage.classList.toggle("no-boxes", !shows("boxes"));
    tag.textContent = `${version.method}, ${version.label}`;
    arrange(card);
    const named = (state) => version.things.filter((thing) => thing.state === state).map((thing) => thing.name);
    const kept = named("kept").length, lost = named("lost"), fresh = named("new");
    const where = version.how === "regions" ? `${version.regions.length} regions` : version.how === "native" ? "native map"
      : `QP ${version.qps.flat().length === 1 ? version.qps[0][0] : Math.min(...version.qps.flat())} throughout`;
    const small = version.size[0] === picture.size[0] ? "" : `, coded at ${version.size.join("x")}`;
    const facts = `${number(version.bytes)} bytes, ${kept} of ${kept + lost.length} kept, ${where}${small}`;
    caption.replaceChildren(element("strong", "", picture.name), facts);
    if (lost.length) caption.append(". ", element("span", "lost", `Lost: ${lost.join(", ")}`));
    if (fresh.length) caption.append(". ", element("span", "new", `New: ${fresh.join(", ")}`));
  };

  const made = new Map();
  const build = (figure) => {
    if (made.has(figure)) return;
    const picture = pictures[Number(figure.dataset.place)];
    const stage = figure.querySelector(".stage");
    const source = element("img"), decoded = element("img");
    Object.assign(source, { src: picture.image, alt: picture.name, draggable: false });
    decoded.draggable = false;
    const over = element("div", "over"), map = element("div"), regions = element("div"), things = element("div");
    const labels = element("div", "over labels");  // QPs lie above the lines of boxes
    over.append(decoded, map, regions);
    const tag = element("span", "tag decoded");
    stage.append(source, over, things, labels, element("div", "edge"), element("span", "tag source", "source"), tag);
    const slider = figure.querySelector("input");
    const slide = () => {
      stage.style.setProperty("--split", `${slider.value}%`);
      slider.setAttribute("aria-valuetext", `${slider.value} % source, ${100 - slider.value} % decoded`);
    };
    slider.addEventListener("input", slide);
    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      slider.value = Math.round(100 * Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
      slide();
    };
    stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); follow(event); });
    stage.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
    slide();
    const card = { stage, caption: figure.querySelector("figcaption"), decoded, map, regions, things, qps: labels, tag };
    made.set(figure, card);
    fill(card, picture);
    if ("ResizeObserver" in window) new ResizeObserver(() => arrange(card)).observe(stage);
  };

  // Pictures are unpacked when they come near, so that a long gallery opens at once.
  const watcher = "IntersectionObserver" in window
    ? new IntersectionObserver((seen) => seen.forEach((entry) => {
      if (!entry.isIntersecting) return;
      watcher.unobserve(entry.target);
      build(entry.target);
    }), { rootMargin: "800px" })
    : null;
  pictures.forEach((picture, i) => {
    const figure = element("figure", "card");
    figure.dataset.place = i;
    const stage = element("div", "stage");
    stage.style.aspectRatio = `${picture.size[0]} / ${picture.size[1]}`;
    const frame = element("div", "frame");
    frame.style.setProperty("--ratio", picture.size[0] / picture.size[1]);
    const slider = element("input");
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 50 });
    slider.setAttribute("aria-label", `From source to decoded: ${picture.name}`);
    frame.append(stage, slider);
    figure.append(frame, element("figcaption"));
    cards.append(figure);
    if (watcher) watcher.observe(figure); else build(figure);
  });
  controls.addEventListener("change", () => {
    scale.classList.toggle("on", shows("map"));
    made.forEach((card, figure) => fill(card, pictures[Number(figure.dataset.place)]));
  });
})();
