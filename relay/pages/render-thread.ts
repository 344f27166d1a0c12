import { parentPort } from 'node:worker_threads';
import { renderMarkdown } from './markdown.ts';

// The other side is renderer.ts. What throws here ends the thread, and is told there.
parentPort?.on('message', (markdown: string) =>
  parentPort?.postMessage(renderMarkdown(markdown), []),
);
