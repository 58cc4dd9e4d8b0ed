"use strict";
// Everything foreign goes into the page as text, never as markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const MARKS = { "passed": "✓", "known defect": "◆", "failed": "✗", "not verified": "○", "could not run": "!" };
  const STEP = 100;

  function unpacker(id) {
    const { texts, shapes, value } = JSON.parse(byId(id).textContent);
    const open = (packed) => {
      if (typeof packed === "number") return texts[packed];
      if (typeof packed === "string") return Number(packed);
      if (!Array.isArray(packed)) return packed;
      if (packed[0] === 0) return packed.slice(1).map(open);
      const made = Object.create(null);
      shapes[packed[0] - 1].forEach((name, at) => { made[name] = open(packed[at + 1]); });
      return made;
    };
    return { value, open };
  }

  function el(name, given = {}, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(given)) {
      if (key === "style") Object.assign(made.style, value);
      else if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...inside.filter((one) => one !== null && one !== undefined));
    return made;
  }

  const tone = (outcome) => `o-${outcome.replaceAll(" ", "-")}`;
  const pill = (outcome) => el("span", { class: `pill ${tone(outcome)}` }, `${MARKS[outcome] ?? ""} ${outcome}`);
  const seconds = (number) => `${number < 10 ? number.toFixed(2) : number.toFixed(1)} s`;
  const link = (key) => `#case/${encodeURIComponent(key)}`;

  const packedList = unpacker("list");
  const all = packedList.open(packedList.value);
  const at = new Map(all.map((row, number) => [row.key, number]));
  let details = null;
  const detail = (number) => {
    details ??= unpacker("details");
    return details.open(details.value[number + 1]);
  };
  let rules = null;
  const rule = (id) => (rules ??= JSON.parse(byId("rules").textContent))[id];

  // ---- the list of cases
  const form = byId("filters");
  const rows = byId("rows");
  const more = byId("more");
  let chosen = all;
  let shown = 0;
  for (const row of all) row.hay = `${row.id} ${row.title} ${row.section} ${row.outcome} ${row.found}`.toLowerCase();

  function fill(name, values, label = (value) => value) {
    for (const value of values) form.elements[name].append(el("option", { value }, label(value)));
  }
  const unique = (values) => [...new Set(values)];
  fill("outcome", unique(all.map((row) => row.outcome)));
  fill("section", unique(all.map((row) => row.section)).sort());
  const layers = unique(all.flatMap((row) => row.layers));
  fill("layer", layers.flatMap((layer) => [`${layer} seen`, `${layer} not seen`]));

  function matches(row, wanted) {
    if (wanted.ids && !wanted.ids.has(row.id)) return false;
    if (wanted.outcome && !wanted.outcome.split(",").includes(row.outcome)) return false;
    if (wanted.section && row.section !== wanted.section) return false;
    if (wanted.layer) {
      const layer = wanted.layer.replace(/ (not )?seen$/, "");
      if (!row.layers.includes(layer) || row.unseen.includes(layer) !== wanted.layer.endsWith("not seen")) return false;
    }
    return wanted.words.every((word) => row.hay.includes(word));
  }

  function rowItem(row) {
    return el("li", {}, el("a", { href: link(row.key) },
      el("span", { class: "id" }, row.id), pill(row.outcome), el("span", { class: "title" }, row.title),
      el("span", { class: "secs num dim" }, seconds(row.seconds))));
  }

  function showMore() {
    const next = chosen.slice(shown, shown + STEP);
    rows.append(...next.map(rowItem));
    shown += next.length;
    more.hidden = shown >= chosen.length;
    more.textContent = `Show ${Math.min(STEP, chosen.length - shown)} more of ${chosen.length - shown}`;
  }

  let ids = null;
  function filter() {
    const given = Object.fromEntries(["text", "outcome", "section", "layer"].map((name) => [name, form.elements[name].value]));
    if (!given.outcome && several) given.outcome = several;
    chosen = all.filter((row) => matches(row, { ...given, ids, words: given.text.toLowerCase().split(/\s+/).filter(Boolean) }));
    rows.replaceChildren();
    shown = 0;
    showMore();
    const some = chosen.length !== all.length;
    byId("shown").textContent = some ? `${chosen.length} of ${all.length} cases` : `${all.length} cases`;
    return given;
  }

  // Several outcomes at once come from links only; the menu has one.
  let several = "";
  function filterFromAddress(query) {
    const asked = new URLSearchParams(query);
    for (const name of ["text", "outcome", "section", "layer"]) form.elements[name].value = asked.get(name) ?? "";
    several = (asked.get("outcome") ?? "").includes(",") ? asked.get("outcome") : "";
    ids = asked.has("ids") ? new Set(asked.get("ids").split(",")) : null;
    filter();
  }

  let pause = 0;
  function filterByHand() {
    several = "";
    ids = null;
    const given = Object.entries(filter()).filter(([, value]) => value);
    const query = new URLSearchParams(given).toString();
    history.replaceState(null, "", query ? `#cases?${query}` : "#cases");
  }
  form.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(filterByHand, 60); });
  form.addEventListener("reset", () => setTimeout(filterByHand));
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const first = shown;
    showMore();
    rows.children[first]?.querySelector("a").focus();
  });
  if ("IntersectionObserver" in window) {
    new IntersectionObserver((seen) => { if (seen[0].isIntersecting && !more.hidden) showMore(); }, { rootMargin: "400px" }).observe(more);
  }
  form.hidden = false;

  // ---- a case
  /** The two texts with what differs between them marked: the middle between their common begin and end. */
  function marked(left, right) {
    if (left === right) return [[left], [right]];
    const [one, two] = [[...left], [...right]];
    let begin = 0;
    while (begin < one.length && begin < two.length && one[begin] === two[begin]) begin += 1;
    let end = 0;
    while (end < one.length - begin && end < two.length - begin && one[one.length - 1 - end] === two[two.length - 1 - end]) end += 1;
    const cut = (text) => [
      text.slice(0, begin).join(""),
      text.length - end > begin ? el("mark", {}, text.slice(begin, text.length - end).join("")) : null,
      text.slice(text.length - end).join(""),
    ].filter((part) => part);
    return [cut(one), cut(two)];
  }

  /** The same for documents: lines are paired by their longest common subsequence first. */
  function markedLines(left, right) {
    const [one, two] = [left.split("\n").slice(0, 400), right.split("\n").slice(0, 400)];
    const best = Array.from({ length: one.length + 1 }, () => new Uint16Array(two.length + 1));
    for (let i = one.length - 1; i >= 0; i -= 1) for (let j = two.length - 1; j >= 0; j -= 1) {
      best[i][j] = one[i] === two[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    }
    const [before, after] = [[], []];
    let [i, j] = [0, 0];
    while (i < one.length || j < two.length) {
      const [gone, come] = [[], []];
      while ((i < one.length || j < two.length) && !(i < one.length && j < two.length && one[i] === two[j])) {
        if (j >= two.length || (i < one.length && best[i + 1][j] >= best[i][j + 1])) gone.push(one[i++]); else come.push(two[j++]);
      }
      for (let n = 0; n < Math.max(gone.length, come.length); n += 1) {
        const [a, b] = n < gone.length && n < come.length ? marked(gone[n], come[n])
          : [n < gone.length ? [el("mark", {}, gone[n])] : [], n < come.length ? [el("mark", {}, come[n])] : []];
        before.push(...a, "\n");
        after.push(...b, "\n");
      }
      if (i < one.length) { before.push(one[i++], "\n"); after.push(two[j++], "\n"); }
    }
    return [before, after];
  }

  const pair = (titles, [left, right]) => el("div", { class: "pair" },
    el("div", {}, el("div", { class: "small dim" }, titles[0]), el("pre", {}, ...left)),
    el("div", {}, el("div", { class: "small dim" }, titles[1]), el("pre", {}, ...right)));
  const card = (title, ...inside) => el("section", { class: "card" }, el("h2", {}, title), ...inside);
  const tableOf = (label, heads, lines) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", { class: "told" }, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...lines.map((cells) => el("tr", {}, ...cells.map((cell, at) => el("td", { "data-label": heads[at] }, cell)))))));

  function ruleText(id) {
    const known = rule(id);
    return el("details", {}, el("summary", {}, "rule ", el("code", {}, id)),
      ...(known ? [el("p", {}, known.says), known.note ? el("p", {}, known.note) : null,
        el("p", { class: "small dim" }, `${known.source}; ${known.certainty}`)] : [el("p", {}, "asserted by the case itself")]));
  }

  const size = (one) => `${one.offering_class}${one.cpu_cap ? " + cap" : ""}: ${one.cpus} x ${one.speed_mhz} MHz, ${one.memory_mib} MiB`;
  const onOff = (flag) => (flag ? "on" : "off");

  function stepList(steps) {
    const begin = Math.min(...steps.map((step) => step.began));
    const whole = Math.max(...steps.map((step) => step.began + step.seconds)) - begin || 1;
    return el("ol", { class: "steps" }, ...steps.map((step) => el("li", {},
      el("span", {}, step.name, el("span", { class: "sr" }, `, waits for ${step.waits_for}`)),
      el("span", { class: `track w-${step.waits_for}`, "aria-hidden": "true" }, el("i", { style: {
        left: `${(100 * (step.began - begin)) / whole}%`, width: `${(100 * step.seconds) / whole}%` } })),
      el("span", { class: "num" }, seconds(step.seconds)))));
  }

  const WAITS = { cloud: "the cloud", hosts: "hosts and guests", others: "other cases", harness: "the harness" };
  const legend = (kinds) => el("ul", { class: "legend" }, ...kinds.map((kind) => el("li", { class: `w-${kind}` }, el("i"), WAITS[kind] ?? kind)));

  function evidenceLink(path) {
    // Only files beside this page: whatever else a record names is shown and not linked.
    const inside = /^[^/\\:]+(\/[^/\\:]+)*$/.test(path) && !path.split("/").includes("..");
    return inside ? el("a", { href: path.split("/").map(encodeURIComponent).join("/") }, path) : el("code", {}, path);
  }

  function lookView(look) {
    const title = `${look.instance} on ${look.host}`;
    if (look.observed_xml === null) {
      return el("details", {}, el("summary", {}, `${title}: as predicted`), el("pre", { class: "value" }, look.expected_xml));
    }
    return el("div", {}, el("h3", {}, `${title}: differs`),
      pair(["expected", "observed"], markedLines(look.expected_xml, look.observed_xml)));
  }

  function caseView(number) {
    const row = all[number];
    const more = detail(number);
    const parts = [el("nav", { class: "crumbs", "aria-label": "Cases" },
      el("a", { href: "#cases" }, "All cases"),
      number > 0 ? el("a", { href: link(all[number - 1].key), rel: "prev" }, `← ${all[number - 1].id}`) : null,
      number + 1 < all.length ? el("a", { href: link(all[number + 1].key), rel: "next" }, `${all[number + 1].id} →`) : null)];
    parts.push(el("div", { class: `card toned ${tone(row.outcome)}` },
      el("h1", { tabindex: "-1" }, `${row.id}: ${row.title}`),
      el("p", {}, pill(row.outcome), ` in ${seconds(row.seconds)} on ${more.worker}`, more.source ? el("span", { class: "dim small" }, ` · ${more.source}`) : null),
      el("div", { class: "marks" }, ...Object.entries(more.layers).map(([layer, seen]) =>
        el("span", { class: `pill ${seen === "seen" ? "o-passed" : "o-not-verified"}` }, `${seen === "seen" ? "✓" : "○"} ${layer}`))),
      ...Object.entries(more.layers).filter(([, seen]) => seen !== "seen").map(([layer, seen]) => el("p", { class: "small dim" }, `${layer}: ${seen}`)),
      more.reason ? el("p", { class: "value" }, more.reason) : null,
      more.description ? el("div", { class: "desc" }, more.description.split("\n").slice(1).join("\n").trim()) : null));
    if (more.omitted.length) parts.push(el("p", { class: "dim small" }, `${more.omitted.join(", ")}: left out of this page for its size; results.json has it.`));
    const grid = el("div", { class: "grid" });
    if (more.findings.length) {
      const found = card("Findings", ...more.findings.map((finding) => el("div", { style: { marginBottom: "18px" } },
        el("h3", {}, `${finding.layer}: ${finding.what}`), pair(["expected", "observed"], marked(finding.expected, finding.observed)),
        el("p", { class: "small dim" }, `read from ${finding.read_from}`), ruleText(finding.rule))));
      found.classList.add("wide");
      grid.append(found);
    }
    if (more.known_defect) {
      const defect = more.known_defect;
      const shownDefect = card(`Known defect ${defect.id}: ${defect.title}`, pair(["promised", "seen"], [[defect.promised], [defect.happens]]));
      shownDefect.classList.add("wide");
      grid.append(shownDefect);
    }
    if (more.steps?.length) {
      const steps = card("Steps", stepList(more.steps), legend(unique(more.steps.map((step) => step.waits_for))));
      steps.classList.add("wide");
      grid.append(steps);
    }
    if (more.looks?.length) {
      const looks = card("The domain", ...more.looks.map(lookView));
      looks.classList.add("wide");
      grid.append(looks);
    }
    if (more.starts?.length) grid.append(card("Starts", ...more.starts.map((start) => el("p", {}, el("b", {}, start.instance), ` on ${start.host.name}: ${size(start.size)}`, el("br"),
      `zone ${onOff(start.zone_switch)}, offering ${onOff(start.offering_switch)}, template ${onOff(start.template_switch)}, instance ${onOff(start.instance_switch)}: `,
      start.prepared === null ? "not seen" : start.prepared ? "prepared" : "not prepared"))));
    if (more.scales?.length) grid.append(card("Scales", ...more.scales.map((scale) => el("p", {}, el("b", {}, scale.instance), ` ${size(scale.before)} → ${size(scale.after)}`, el("br"),
      `predicted ${scale.predicted}; ${scale.succeeded ? "succeeded" : `${scale.code} ${scale.text}`} in ${seconds(scale.seconds)}`,
      scale.host_before !== scale.host_after ? `; ${scale.host_before} → ${scale.host_after}` : null))));
    const named = unique(more.notes.map((note) => note.rule));
    if (named.length) grid.append(card("Worth knowing", ...more.notes.map((note) => el("div", {}, el("p", {}, note.says), ruleText(note.rule)))));
    if (more.calls?.length) {
      const calls = card("API calls", tableOf("API calls", ["at", "command", "parameters", "answer"], more.calls.map((call) => [
        el("span", { class: "keep" }, seconds(call.began)), el("code", { class: "keep" }, call.command), el("code", { class: "wrap-all" }, Object.entries(call.parameters).map(([name, value]) => `${name}=${value}`).join(" ")),
        call.error ?? (call.job_id ? `job ${call.job_id}` : "accepted")])));
      calls.classList.add("wide");
      grid.append(calls);
    }
    if (more.evidence.length) grid.append(card("Evidence", el("ul", { class: "plain" }, ...more.evidence.map((path) => el("li", {}, evidenceLink(path))))));
    parts.push(grid);
    return parts;
  }

  // ---- addresses
  const overview = byId("overview");
  const article = byId("case");
  const title = document.title;
  let opened = null;
  function route() {
    const hash = location.hash.slice(1);
    let number;
    if (hash.startsWith("case/")) {
      try { number = at.get(decodeURIComponent(hash.slice(5))); } catch { number = undefined; }
    }
    if (number !== undefined) {
      article.replaceChildren(...caseView(number));
      article.hidden = false;
      overview.hidden = true;
      document.title = `${all[number].id}: ${all[number].outcome}`;
      opened = all[number].key;
      window.scrollTo(0, 0);
      article.querySelector("h1").focus({ preventScroll: true });
      return;
    }
    const back = opened;
    opened = null;
    article.hidden = true;
    article.replaceChildren();
    overview.hidden = false;
    document.title = title;
    if (hash === "cases" || hash.startsWith("cases?")) {
      if (!back || hash !== "cases") filterFromAddress(hash.slice(6));
      byId("cases").scrollIntoView();
      if (back) rows.querySelector(`a[href="${CSS.escape(link(back))}"]`)?.focus();
    } else if (hash) {
      byId(hash)?.scrollIntoView();
    }
  }
  window.addEventListener("hashchange", route);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      if (opened) location.hash = "#cases";
      setTimeout(() => form.elements.text.focus());
    } else if (event.key === "Escape" && opened) {
      location.hash = "#cases";
    }
  });
  filter();
  route();
})();
