type Attributes = Record<string, string | boolean | ((event: Event) => void)>;

/**
 * Builds an element. A function is a listener for the event its key names (`onclick`), `true` sets
 * an empty attribute and `false` leaves it out. Strings become text nodes, so nothing in them is
 * ever read as markup.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string | undefined)[]
): HTMLElementTagNameMap[Tag] {
  const built = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') built.addEventListener(key.slice(2), value);
    else if (value !== false) built.setAttribute(key, value === true ? '' : value);
  }
  built.append(...children.filter((child) => child !== undefined));
  return built;
}

/** The one element of the page that matches. Throws when it is missing or of another type. */
export function find<Type extends Element>(selector: string, type: new () => Type): Type {
  const found = document.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} "${selector}".`);
  return found;
}
