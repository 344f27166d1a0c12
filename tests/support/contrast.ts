/**
 * Runs in a browser's page: the texts whose contrast with what is behind them is under 4.5
 * (w3.org/TR/WCAG22, 1.4.3, AA), each with its contrast. It reads opaque colours only, which is all
 * that our pages use.
 */
export function findFaintTexts(): string[] {
  const channels = (colour: string): number[] =>
    (/[\d.]+(?:, [\d.]+)*/.exec(colour)?.[0] ?? '').split(', ').map(Number);
  const linear = (value: number): number =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = (colour: string): number =>
    channels(colour)
      .slice(0, 3)
      .reduce(
        (sum, value, index) => sum + linear(value) * ([0.2126, 0.7152, 0.0722][index] ?? 0),
        0,
      );
  const background = (element: Element | null): string => {
    if (element === null) return 'rgb(255, 255, 255)';
    const { backgroundColor } = getComputedStyle(element);
    return channels(backgroundColor)[3] === 0 ? background(element.parentElement) : backgroundColor;
  };
  const faint = new Set<string>();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!element || !node.textContent?.trim()) continue;
    const [text, behind] = [
      luminance(getComputedStyle(element).color),
      luminance(background(element)),
    ];
    const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    if (contrast < 4.5)
      faint.add(
        `${node.textContent.trim().slice(0, 40)} (${element.className || element.tagName}): ${contrast.toFixed(2)}`,
      );
  }
  return [...faint];
}
