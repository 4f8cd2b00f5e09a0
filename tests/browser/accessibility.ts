import type { Page } from "playwright-core";

/** Texts whose contrast with what is behind them is below WCAG AA (4.5 to 1), and by how much. */
export async function lowContrast(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    type Colour = [red: number, green: number, blue: number, alpha: number];
    const read = (text: string): Colour => {
      const [red = 0, green = 0, blue = 0, alpha = 1] = text.match(/[\d.]+/g)!.map(Number);
      return [red, green, blue, alpha];
    };
    const luminance = (colour: Colour) => {
      const [red, green, blue] = colour.slice(0, 3).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    };
    const behind = (element: Element | null): Colour => {
      for (let at = element; at !== null; at = at.parentElement) {
        const colour = read(getComputedStyle(at).backgroundColor);
        if (colour[3] === 1) return colour;
      }
      return [255, 255, 255, 1];
    };
    const found: string[] = [];
    for (const element of document.body.querySelectorAll<HTMLElement>("*")) {
      const text = [...element.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => node.textContent!.trim()).join("");
      if (text === "" || !element.checkVisibility() || element.matches(":disabled, option")) {
        continue;
      }
      // What a dialog covers cannot be read, and what is refused is dimmed on purpose.
      if (document.querySelector("dialog[open]") && !element.closest("dialog[open]")) continue;
      if (element.closest("[data-refused]")) continue;
      const [front, back] = [
        luminance(read(getComputedStyle(element).color)),
        luminance(behind(element)),
      ];
      const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${element.tagName} "${text.slice(0, 40)}"`);
    }
    return found;
  });
}

/** Controls, images and dialogs that a screen reader would meet without a name. */
export async function unnamedControls(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const named = (element: Element): boolean => {
      const label = element.getAttribute("aria-label") ?? element.getAttribute("title") ?? "";
      const by = element.getAttribute("aria-labelledby");
      const labels = "labels" in element ? [...(element.labels as NodeList ?? [])] : [];
      const text = element.matches("input, select, textarea") ? "" : element.textContent;
      return [
        label,
        text,
        by && document.getElementById(by)?.textContent,
        ...labels.map((one) => one.textContent),
      ]
        .some((part) => (part ?? "").trim() !== "");
    };
    return [...document.querySelectorAll(
      "button, a[href], input, select, textarea, summary, dialog[open], [role=img], [role=tablist]",
    )]
      .filter((element) => element.checkVisibility() && !named(element))
      .map((element) => element.outerHTML.slice(0, 100));
  });
}
