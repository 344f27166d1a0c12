import { z } from 'zod';

/** The detail of a link for an export: the tokens of its two files in the store. */
export const ExportDetail = z.object({ markdown: z.string(), html: z.string() });
export type ExportDetail = z.infer<typeof ExportDetail>;
