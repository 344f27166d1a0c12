import type { Request, Response } from 'express';
import type { Link } from '../../shared/store/links/links.ts';

/** A page and its headers. */
export type LinkPage = { html: string; headers: Record<string, string> };

/** The fields of a posted form. */
export type LinkForm = ReadonlyMap<string, string>;

/** What links of one purpose show and do. */
export type LinkHandler = {
  /** The page with the form; it changes nothing, and says nothing that a crawler may not read. */
  page(link: Link): Promise<LinkPage>;
  /** Whether a form can be taken; if not, the link is not used up. */
  isWhole(form: LinkForm): boolean;
  /**
   * Does what the link is for. A browser may repeat it, so it must be safe to repeat. Returns false
   * when the person may not have it done (any more). Throws when it was not done.
   */
  take(link: Link, form: LinkForm): Promise<boolean>;
  /** The page for the browser that has used the link. */
  done(link: Link): LinkPage | Promise<LinkPage>;
  /**
   * Answers the request of the browser that has used the link, if it is for a part of its page;
   * false if it is not. `isMine` says whether the link is still that browser's, later on.
   */
  serve?(
    link: Link,
    request: Request,
    response: Response,
    isMine: () => Promise<boolean>,
  ): Promise<boolean>;
  /** How long a browser keeps the cookie that makes a used link its own (s); an hour by default. */
  cookieSeconds?: number;
};
