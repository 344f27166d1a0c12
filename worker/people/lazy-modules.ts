import { lazy } from '../../shared/runtime/lazy.ts';

/**
 * What reads and shows phone numbers, and what draws QR codes: loaded with the first command that
 * needs them, because the numbering plans of all countries take 19 MB and a part of a second.
 */
export const loadNumbers = lazy(() => import('./read-number.ts'));
export const loadQr = lazy(() => import('./qr-picture.ts'));
