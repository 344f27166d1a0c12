/** One child of a list: built once for each signature, updated on every pass. */
export type Row = {
  key: string;
  signature: string;
  build: () => HTMLElement;
  update?: (node: HTMLElement) => void;
};

type Built = { node: HTMLElement; signature: string };

const lists = new WeakMap<HTMLElement, Map<string, Built>>();

/**
 * Makes the children of `parent` be these rows in this order. A node whose signature is unchanged
 * stays where it is, so a playing voice note plays on, focus stays, and a screen reader hears only
 * what is new.
 */
export function reconcile(parent: HTMLElement, rows: Row[]): void {
  const before = lists.get(parent) ?? new Map<string, Built>();
  const after = new Map<string, Built>();
  const wanted = new Set(rows.map((row) => row.key));
  for (const [key, { node }] of before) if (!wanted.has(key)) node.remove();
  let cursor = parent.firstElementChild;
  for (const row of rows) {
    const built = before.get(row.key);
    const node = built?.signature === row.signature ? built.node : row.build();
    if (built && built.node !== node) {
      if (cursor === built.node) cursor = node;
      built.node.replaceWith(node);
    }
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
    row.update?.(node);
    after.set(row.key, { node, signature: row.signature });
  }
  lists.set(parent, after);
}
