import { adminStyle } from '../admin/frame/style.ts';
import { turnStyle } from '../admin/frame/turn-style.ts';

/** The style of the page that a person sees. */
export const watchStyle = `${adminStyle}${turnStyle}
.brand-line { display: flex; align-items: center; gap: .5rem; color: var(--soft); } .brand-line svg { width: 1.5rem; height: 1.5rem; display: block; }
main.watch { max-width: 46rem; } .foot.watch { max-width: 46rem; display: block; } main.watch .card > .actions { margin-top: .9rem; } .offline { color: var(--soft); }
.watch button { min-height: 2.75rem; } .said-list .tag { white-space: normal; overflow-wrap: anywhere; border-radius: 9px; }`;
