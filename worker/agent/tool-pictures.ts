import { z } from 'zod';
import { pictureFaults } from '../media/picture-fault.ts';
import type { FileReader, Reading } from '../reading/file-reader.ts';
import type { AgentFiles } from './agent-files.ts';
import type { Refine } from './browser-server.ts';
import { savedPicture, takesPicture } from './saved-picture.ts';

export type ToolPictureParts = {
  reader: FileReader;
  /** What a tool has saved is read with the agent's rights. */
  agentFiles: AgentFiles;
};

/** The blocks of a result of MCP, as far as pictures matter. */
const Content = z.array(z.union([z.looseObject({ type: z.literal('image'), data: z.string(), mimeType: z.string() }), z.looseObject({ type: z.string() })]));
type Block = z.infer<typeof Content>[number];

/** The largest picture that is looked into (bytes); a larger one of a page there is not. */
const largest = 32 * 1024 * 1024;

/**
 * Shows the model a tool's pictures as those that people send are shown: as large as it can see, and a long page in parts. Playwright makes a whole page
 * as small as one picture may be, so the file that it has saved is taken instead. What cannot be opened is left out with a sentence in its place: a
 * picture that the API refuses would spoil the session.
 */
export function createToolPictures({ reader, agentFiles }: ToolPictureParts): Refine {
  const show = async (block: Block, file: string | undefined, signal: AbortSignal): Promise<Block[]> => {
    if (!isImage(block)) return [block];
    const saved = file === undefined ? undefined : await agentFiles.read(file, largest).catch(() => undefined);
    const reading = await reader.show(saved ?? Buffer.from(block.data.slice(0, largest), 'base64'), signal);
    return blocksOf(reading, file);
  };
  return async (result, tool, signal) => {
    const content = Content.safeParse(result['content']).data;
    if (!content?.some(isImage)) return result;
    const file = takesPicture(tool) ? savedPicture(content) : undefined;
    const shown: Block[] = [];
    for (const block of content) shown.push(...(await show(block, file, signal)));
    return { ...result, content: shown };
  };
}

function isImage(block: Block): block is Extract<Block, { data: string }> {
  return block.type === 'image' && 'data' in block;
}

function blocksOf({ view, blobs }: Reading, file: string | undefined): Block[] {
  const place = file === undefined ? '' : ` It is at ${file}.`;
  if (view.kind !== 'pictures') {
    const why = view.kind === 'fault' ? pictureFaults[view.fault].words : pictureFaults.broken.words;
    return [{ type: 'text', text: `[The picture cannot be shown to you: ${why}.${place}]` }];
  }
  const images = blobs.map((blob, index) => ({ type: 'image', data: blob.toString('base64'), mimeType: view.types[index] ?? 'image/png' }));
  if (images.length === 1 && view.complete) return images;
  const order = `[The picture is shown in ${images.length} parts, one after the other${view.complete ? '' : ', which do not reach its end'}.${place}]`;
  return [{ type: 'text', text: order }, ...images];
}
