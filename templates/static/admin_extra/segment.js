// The editor of a segment's rules: rows to choose from, built over the text area that holds the rule as JSON.
//
// The text area is what is sent, so the form works without this script. Rows are made from its JSON, and every
// change of a row writes it again. What the server says about a rule names its place in the tree
// (`rules[1].rules[0]`), which `treeOf` notes for every row.
"use strict";

{
  const GROUPS = [
    ["all", "all of these"],
    ["any", "any of these"],
    ["none", "none of these"],
    ["not-all", "not all of these"],
  ];
  const STATUSES = ["enabled", "disabled", "blocklisted"];
  const FIELDS = [
    ["attribs", "Attribute", "attribute"],
    ["email", "E-mail address", "text"],
    ["name", "Name", "text"],
    ["status", "Status", "status"],
    ["lists", "List", "list"],
    ["lists.confirmed", "List, confirmed", "list"],
    ["lists.unconfirmed", "List, not confirmed", "list"],
    ["lists.unsubscribed", "List, unsubscribed", "list"],
    ["created_at", "Joined", "time"],
    ["updated_at", "Changed", "time"],
  ];
  // Operators as they are chosen; MISSING stands for EXISTS with the value false.
  const WORDS = {
    EQ: "is", NE: "is not", CONTAINS: "contains", STARTS_WITH: "begins with", ENDS_WITH: "ends with",
    IN: "is one of", GT: "is more than", GTE: "is at least", LT: "is less than", LTE: "is at most",
    EXISTS: "is filled in", MISSING: "is empty",
  };
  const ORDERED = ["GT", "GTE", "LT", "LTE"];
  const TEXT = ["EQ", "NE", "CONTAINS", "STARTS_WITH", "ENDS_WITH", "IN", "EXISTS", "MISSING"];
  const OPERATORS = {
    text: { offered: TEXT, words: {} },
    attribute: { offered: ["EQ", "NE", ...ORDERED, ...TEXT.slice(2)], words: {} },
    status: { offered: ["EQ", "NE"], words: {} },
    list: { offered: ["EQ", "NE", "IN", "EXISTS", "MISSING"], words: { EXISTS: "is any", MISSING: "is none" } },
    time: {
      offered: ["GTE", "LT", "GT", "LTE"],
      words: { GTE: "on or after", LT: "before", GT: "after", LTE: "up to" },
    },
  };
  const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;
  const DATE = /^\d{4}-\d\d-\d\d$/;

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function choice(label, options, chosen) {
    const select = make("select", { class: "lm-input", "aria-label": label });
    for (const [value, text] of options) {
      select.append(new Option(text, value, false, value === chosen));
    }
    return select;
  }

  function button(text, label, press, kind = "") {
    const made = make("button", { type: "button", class: `lm-button ${kind}`, "aria-label": label }, text);
    made.addEventListener("click", press);
    return made;
  }

  const kindOf = (field) => FIELDS.find(([name]) => name === field)?.[2] || "text";

  class Editor {
    constructor(area) {
      this.area = area;
      this.lists = JSON.parse(area.dataset.lists);
      this.names = JSON.parse(area.dataset.names);
      this.places = new Map();
      this.box = make("div", { class: "lm-segment" });
      this.root = make("div");
      this.json = make("details", { class: "lm-segment-json" }, make("summary", {}, "As JSON"));
      const datalist = make("datalist", { id: "segment-attributes" }, ...this.names.map((name) => new Option(name)));
      area.before(this.box);
      this.json.append(area);
      this.box.append(this.root, this.counter(), this.json, datalist);
      this.box.addEventListener("input", (event) => this.changed(event));
      area.addEventListener("change", () => this.read());
      area.form.addEventListener("submit", (event) => this.check(event));
      this.read();
      if (area.dataset.place) {
        this.write();
        this.complain(area.dataset.place, area.dataset.error);
        this.sayOnce(area.dataset.error);
      }
    }

    // --- from JSON to rows -------------------------------------------------------------------------------
    read() {
      let tree;
      try {
        tree = JSON.parse(this.area.value);
        this.root.replaceChildren(this.groupOf(tree?.op in WORDS ? { op: "AND", rules: [tree] } : tree, true));
      } catch (error) {
        this.json.open = true;
        this.area.setAttribute("aria-invalid", "true");
        if (!this.root.children.length) {
          this.root.replaceChildren(this.group("all", [], true));
        }
        return;
      }
      this.area.removeAttribute("aria-invalid");
      this.write();
    }

    groupOf(node, isRoot = false) {
      let mode = { AND: "all", OR: "any", NOT: "not-all" }[node.op];
      let rules = node.rules;
      if (!mode || !Array.isArray(rules)) {
        throw new TypeError("no group");
      }
      if (mode === "not-all" && rules.length === 1) {
        mode = "none"; // of one rule, or of those in the one group
        rules = rules[0].op === "OR" ? rules[0].rules : rules;
      }
      return this.group(mode, rules.map((rule) => (Array.isArray(rule.rules) ? this.groupOf(rule) : this.rule(rule))), isRoot);
    }

    group(mode, children, isRoot) {
      const group = make("div", { class: "lm-group", role: "group", "aria-label": "Group of rules" });
      const select = choice("Who fits", GROUPS, mode);
      select.style.width = "auto";
      const body = make("div", { class: "lm-group-body" }, ...children);
      const head = make("div", { class: "lm-group-head" }, make("span", {}, "People who fit"), select);
      if (!isRoot) {
        head.append(button("✕", "Remove this group", () => this.remove(group), "lm-remove"));
      }
      const add = (child) => {
        body.append(child);
        child.querySelector("select").focus();
        this.write();
      };
      const foot = make(
        "div",
        { class: "lm-group-foot" },
        button("Add rule", "Add a rule to this group", () => add(this.rule({ op: "EQ", field: "attribs." }))),
        button("Add group", "Add a group to this group", () =>
          add(this.group("any", [this.rule({ op: "EQ", field: "attribs." })], false)),
        ),
      );
      group.append(head, body, foot);
      group.parts = { mode: select, body };
      return group;
    }

    rule(node) {
      const row = make("div", { class: "lm-rule", role: "group", "aria-label": "Rule" });
      const isAttribute = node.field.startsWith("attribs.");
      const field = isAttribute ? "attribs" : node.field;
      const fields = FIELDS.some(([name]) => name === field) ? FIELDS : [...FIELDS, [field, field, "text"]];
      const name = make("input", {
        class: "lm-input", "aria-label": "Name of the attribute", placeholder: "name, such as city",
        list: "segment-attributes", autocomplete: "off",
      });
      name.value = isAttribute ? node.field.slice("attribs.".length) : "";
      const select = choice("Field", fields, field);
      const parts = make("div", { class: "lm-parts" }, select, name);
      const op = node.op === "EXISTS" && node.value === false ? "MISSING" : node.op;
      row.append(parts, make("div"), make("div"), button("✕", "Remove this rule", () => this.remove(row), "lm-remove"));
      row.parts = { field: select, name };
      this.showOperators(row, op);
      this.showValue(row, node.value);
      select.addEventListener("change", () => {
        this.showOperators(row, row.parts.op.value);
        this.showValue(row, undefined);
        this.write();
      });
      return row;
    }

    showOperators(row, op) {
      const kind = kindOf(row.parts.field.value);
      const { offered, words } = OPERATORS[kind];
      // Only for what is loaded: a rule that was written by hand may use others.
      const shown = offered.includes(op) || row.parts.op ? offered : [...offered, op];
      row.parts.name.hidden = kind !== "attribute";
      row.parts.op = choice("Comparison", shown.map((one) => [one, words[one] || WORDS[one]]), op);
      row.children[1].replaceWith(row.parts.op);
      row.parts.op.addEventListener("change", () => {
        this.showValue(row, this.valueOf(row));
        this.write();
      });
    }

    showValue(row, value) {
      const { field, op } = row.parts;
      const input = this.inputFor(kindOf(field.value), op.value, value);
      row.parts.value = input;
      row.parts.given = value; // its type is kept as long as the text stays what it is
      row.children[2].replaceWith(input || make("div"));
    }

    inputFor(kind, op, value) {
      if (op === "EXISTS" || op === "MISSING") {
        return null;
      }
      const values = value === undefined || value === null ? [] : [value].flat();
      const many = op === "IN";
      if (kind === "list") {
        const known = this.lists.map(([id, name]) => [String(id), name]);
        const unknown = values.filter((id) => !known.some(([one]) => one === String(id)));
        const options = [...known, ...unknown.map((id) => [String(id), `list ${id}`])];
        const select = choice("List", many ? options : [["", "Choose a list"], ...options], String(values[0] ?? ""));
        select.multiple = many;
        for (const option of many ? select.options : []) {
          option.selected = values.map(String).includes(option.value);
        }
        return select;
      }
      if (kind === "status" && !many) {
        return choice("Status", STATUSES.map((one) => [one, one]), String(values[0] ?? STATUSES[0]));
      }
      const text = values.map(String).join("\n");
      if (many) {
        const area = make("textarea", { class: "lm-input", "aria-label": "Values", rows: "3", placeholder: "one on each line" });
        area.value = text;
        return area;
      }
      const type = kind === "time" && (!text || DATE.test(text)) ? "date" : "text";
      const input = make("input", { class: "lm-input", type, "aria-label": "Value", placeholder: "value", autocomplete: "off" });
      input.value = text.replaceAll("\n", " ");
      return input;
    }

    // --- from rows to JSON -------------------------------------------------------------------------------
    valueOf(row) {
      const { field, op, value, given } = row.parts;
      if (!value) {
        return given;
      }
      const kind = kindOf(field.value);
      if (kind === "list") {
        const ids = [...value.selectedOptions].filter((option) => option.value).map((option) => Number(option.value));
        return op.value === "IN" ? ids : ids[0];
      }
      if (op.value === "IN") {
        const before = [given].flat();
        const lines = value.value.split("\n").map((line) => line.trim()).filter(Boolean);
        const same = (one, line) => one !== undefined && String(one) === line;
        return lines.map((line, number) =>
          same(before[number], line) ? before[number] : before.find((one) => same(one, line)) ?? line,
        );
      }
      const text = value.value;
      if (given !== undefined && !Array.isArray(given) && String(given) === text && !ORDERED.includes(op.value)) {
        return given;
      }
      return ORDERED.includes(op.value) && kind !== "time" && NUMBER.test(text.trim()) ? Number(text) : text;
    }

    treeOf(element, place) {
      this.places.set(place, element);
      const inside = (prefix, number) => `${prefix === "rule" ? "" : `${prefix}.`}rules[${number}]`;
      if (element.parts.mode) {
        const mode = element.parts.mode.value;
        // `none` is NOT of one OR group, which is one level more.
        const holder = mode === "none" ? inside(place, 0) : place;
        const rules = [...element.parts.body.children].map((child, number) => this.treeOf(child, inside(holder, number)));
        if (mode === "none") {
          this.places.set(holder, element);
          return { op: "NOT", rules: [{ op: "OR", rules }] };
        }
        return { op: { all: "AND", any: "OR", "not-all": "NOT" }[mode], rules };
      }
      const { field, name, op } = element.parts;
      const full = field.value === "attribs" ? `attribs.${name.value.trim()}` : field.value;
      if (op.value === "MISSING" || op.value === "EXISTS") {
        return op.value === "EXISTS" ? { op: "EXISTS", field: full } : { op: "EXISTS", field: full, value: false };
      }
      return { op: op.value, field: full, value: this.valueOf(element) };
    }

    write() {
      this.places.clear();
      this.area.value = JSON.stringify(this.treeOf(this.root.firstElementChild, "rule"), null, 2);
      this.area.removeAttribute("aria-invalid");
    }

    changed(event) {
      const element = event.target.closest(".lm-rule, .lm-group");
      if (!element) {
        return;
      }
      this.forgive(element);
      // These two change what else the row has, and write then.
      if (event.target !== element.parts.field && event.target !== element.parts.op) {
        this.write();
      }
    }

    remove(element) {
      const next = element.nextElementSibling || element.previousElementSibling;
      const group = element.parentElement.closest(".lm-group");
      element.remove();
      (next || group).querySelector(next ? "select" : ".lm-group-foot button").focus();
      this.write();
    }

    // --- what is wrong -----------------------------------------------------------------------------------
    forgive(element) {
      element?.querySelector(":scope > .lm-error")?.remove();
      for (const field of element?.querySelectorAll(':scope [aria-invalid="true"]') || []) {
        field.removeAttribute("aria-invalid");
      }
    }

    complain(place, message) {
      const element = this.places.get(place) || this.root.firstElementChild;
      const words = message.startsWith(`${place}: `) ? message.slice(place.length + 2) : message;
      this.mark(element, words.charAt(0).toUpperCase() + words.slice(1));
    }

    // The same words stand under the field, for those without this script.
    sayOnce(message) {
      for (const element of this.box.closest("form").querySelectorAll("p, li, div")) {
        if (!this.box.contains(element) && element.textContent.trim().endsWith(message) && !element.querySelector("p, li, div")) {
          element.hidden = true;
        }
      }
    }

    mark(element, words, field) {
      this.forgive(element);
      element.append(make("p", { class: "lm-error", role: "alert" }, words));
      const culprit = field || element.parts.value || element.parts.name || element.parts.mode;
      culprit.setAttribute("aria-invalid", "true");
      culprit.focus();
    }

    // Whether the text area holds what no rows could be made of; the server then says what is wrong with it.
    get isBroken() {
      return this.area.hasAttribute("aria-invalid");
    }

    // Marks the first row or group that is not complete; whether all are.
    isComplete() {
      this.write();
      for (const element of this.places.values()) {
        const { body, field, name, op, value } = element.parts;
        if (body) {
          if (!body.children.length) {
            this.mark(element, "Add a rule to this group, or remove it.", element.querySelector(".lm-group-foot button"));
            return false;
          }
          continue;
        }
        if (field.value === "attribs" && !name.value.trim()) {
          this.mark(element, "Which attribute?", name);
          return false;
        }
        if (value && !(value.multiple ? value.selectedOptions.length : value.value.trim())) {
          const isEmpty = [...op.options].some((option) => option.value === "MISSING" && option.text === WORDS.MISSING);
          this.mark(element, isEmpty ? "Fill in a value, or choose “is empty”." : "Choose a value.", value);
          return false;
        }
      }
      return true;
    }

    check(event) {
      if (!this.isBroken && !this.isComplete()) {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    }

    // --- how many ----------------------------------------------------------------------------------------
    counter() {
      const output = make("output", { "aria-live": "polite" });
      const ask = button("How many people?", "How many people fit these rules", async () => {
        if (!this.isBroken && !this.isComplete()) {
          return;
        }
        ask.disabled = true;
        output.textContent = "Counting…";
        await this.count(output);
        ask.disabled = false;
      });
      return make("div", { class: "lm-segment-count" }, ask, output);
    }

    async count(output) {
      const data = new FormData();
      data.set("csrfmiddlewaretoken", this.area.form.elements.csrfmiddlewaretoken.value);
      data.set("rule", this.area.value);
      let found;
      try {
        const answer = await fetch(this.area.dataset.count, { method: "POST", body: data });
        found = await answer.json();
        if (!answer.ok) {
          output.textContent = found.place ? "" : found.message;
          if (found.place) {
            this.complain(found.place, found.message);
          }
          return;
        }
      } catch {
        output.textContent = "The server does not answer.";
        return;
      }
      const number = new Intl.NumberFormat("en").format(found.number);
      const words = `${found.exact ? "" : "About "}${number} ${found.number === 1 ? "person" : "people"}`;
      output.replaceChildren(make("strong", {}, words));
      found.people.forEach(({ email, page }, index) => {
        output.append(index ? ", " : found.number > found.people.length ? ", such as " : ": ");
        output.append(make("a", { class: "lm-link", href: page, target: "_blank" }, email));
      });
    }
  }

  for (const area of document.querySelectorAll("textarea[data-count][name=rule]")) {
    new Editor(area);
  }
}
