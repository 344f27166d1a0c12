import axe from 'axe-core';
import type { Page } from 'playwright';

/** What axe finds in a page: each rule with its weight and the first place. */
export async function findViolations(
  page: Page,
): Promise<{ id: string; impact: string; at: string }[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, impact, nodes }) => {
      return { id, impact: String(impact), at: nodes[0]?.html.slice(0, 200) ?? '' };
    });
  });
}
