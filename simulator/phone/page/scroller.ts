/** This close to the end, in CSS pixels, a reader counts as being at the end. */
const near = 80;

/**
 * Keeps the end of the chat in view while the reader is there, also when pictures above grow as
 * they load. For a reader who has scrolled up it counts what is new on the button that leads down.
 */
export class Scroller {
  readonly #view: HTMLElement;
  readonly #button: HTMLButtonElement;
  readonly #label: HTMLElement;
  #stuck = true;
  #missed = 0;
  /** Where the view stood, to tell a reader who scrolls up from content that grows. */
  #top = 0;

  constructor(
    view: HTMLElement,
    content: HTMLElement,
    button: HTMLButtonElement,
    label: HTMLElement,
  ) {
    this.#view = view;
    this.#button = button;
    this.#label = label;
    view.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    button.addEventListener('click', () => this.toBottom());
    const sizes = new ResizeObserver(() => {
      if (this.#stuck) this.toBottom();
    });
    sizes.observe(content);
    sizes.observe(view);
  }

  toBottom(): void {
    this.#stuck = true;
    this.#missed = 0;
    this.#view.scrollTop = this.#view.scrollHeight;
    this.#top = this.#view.scrollTop;
    this.#showButton();
  }

  /**
   * Must be called after `added` messages were appended; `own` when the last is the reader's own.
   */
  follow(added: number, own: boolean): void {
    if (this.#stuck || own) return this.toBottom();
    this.#missed += added;
    return this.#showButton();
  }

  #onScroll(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#view;
    const isNear = scrollHeight - scrollTop - clientHeight < near;
    // A picture may have grown between the scroll and its event.
    this.#stuck = isNear || (this.#stuck && scrollTop >= this.#top);
    this.#top = scrollTop;
    if (this.#stuck) this.#missed = 0;
    this.#showButton();
  }

  #showButton(): void {
    this.#button.hidden = this.#stuck;
    this.#label.textContent =
      this.#missed === 0
        ? ''
        : this.#missed === 1
          ? '1 new message'
          : `${this.#missed} new messages`;
    this.#button.setAttribute(
      'aria-label',
      this.#missed === 0 ? 'Go to the newest message' : `Go to ${this.#label.textContent}`,
    );
  }
}
