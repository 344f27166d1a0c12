import { parentPort } from 'node:worker_threads';
import { renderMarkdown } from './markdown.ts';

// The other side is renderer.ts. An exception here ends the thread and is reported there.
parentPort?.on('message', (markdown: string) =>
  parentPort?.postMessage(renderMarkdown(markdown), []),
);
// It is ready now.
parentPort?.postMessage('ready', []);
