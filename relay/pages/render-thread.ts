import { parentPort } from 'node:worker_threads';
import type { PageForm } from '../../shared/store/pages.ts';
import { renderChanges } from './changes.ts';
import { renderMarkdown } from './markdown.ts';

// The other side is renderer.ts. An exception here ends the thread and is reported there.
parentPort?.on('message', ({ text, form }: { text: string; form: PageForm }) =>
  parentPort?.postMessage(form === 'changes' ? renderChanges(text) : renderMarkdown(text), []),
);
// It is ready now.
parentPort?.postMessage('ready', []);
