import { z } from 'zod';
import { pictureFaults } from '../../media/picture-fault.ts';
import { planCuts } from '../../media/picture-cuts.ts';
import type { FileReader, Reading } from '../../reading/file-reader.ts';
import { pictureSize } from '../../reading/picture-size.ts';
import type { Refine } from '../mcp/browser-server.ts';
import { savedPicture, takesPicture } from './saved-picture.ts';

/** The blocks of a result of MCP, as far as pictures matter. */
const Content = z.array(
  z.union([
    z.looseObject({ type: z.literal('image'), data: z.string(), mimeType: z.string() }),
    z.looseObject({ type: z.string() }),
  ]),
);
type Block = z.infer<typeof Content>[number];

/** The largest picture that is looked into (characters of base64): 32 MB. */
const largest = Math.ceil((32 * 1024 * 1024 * 4) / 3);
/**
 * What the model gets as it is: a picture of at most so many pixels a side, not too long to be read
 * in one, of at most so many characters.
 */
const [longestSide, mostCharacters] = [2000, 5 * 1024 * 1024];
/** Where a picture's size stands, at the latest (characters of base64). */
const headCharacters = 64 * 1024;

/**
 * Shows the model a tool's pictures as those that people send are shown: as large as it can see,
 * and a long page in parts. Claude Code would make a whole page as small as one picture may be.
 * What cannot be opened is left out with a sentence in its place: a picture that the API refuses
 * would spoil the session.
 */
export function createToolPictures(reader: FileReader): Refine {
  return async (result, tool, signal) => {
    const content = Content.safeParse(result['content']).data;
    if (!content?.some(isImage)) return result;
    const file = takesPicture(tool) ? savedPicture(content) : undefined;
    const shown: Block[] = [];
    for (const block of content) {
      if (!isImage(block) || fits(block)) shown.push(block);
      else if (block.data.length > largest) shown.push(sentence('it has more than 32 MB', file));
      else
        shown.push(...blocksOf(await reader.show(Buffer.from(block.data, 'base64'), signal), file));
    }
    return { ...result, content: shown };
  };
}

/** Whether the model can look at a picture as it is, by its head. */
function fits({ data, mimeType }: ImageBlock): boolean {
  const size = pictureSize(Buffer.from(data.slice(0, headCharacters), 'base64'), mimeType);
  if (!size || data.length > mostCharacters) return false;
  return (
    Math.max(size.width, size.height) <= longestSide &&
    planCuts(size.width, size.height).cuts.length === 1
  );
}

function sentence(why: string, file: string | undefined): Block {
  return {
    type: 'text',
    text: `[The picture cannot be shown to you: ${why}.${file === undefined ? '' : ` It is at ${file}.`}]`,
  };
}

type ImageBlock = Extract<Block, { data: string }>;

function isImage(block: Block): block is ImageBlock {
  return block.type === 'image' && 'data' in block;
}

function blocksOf({ view, blobs }: Reading, file: string | undefined): Block[] {
  if (view.kind !== 'pictures')
    return [
      sentence(
        pictureFaults[view.kind === 'fault' || view.kind === 'unread' ? view.fault : 'broken']
          .words,
        file,
      ),
    ];
  const images = blobs.map((blob, index) => ({
    type: 'image',
    data: blob.toString('base64'),
    mimeType: view.types[index] ?? 'image/png',
  }));
  if (images.length === 1 && view.complete) return images;
  const order = `[The picture is shown in ${images.length} parts, one after the other${view.complete ? '' : ', which do not reach its end'}.${file === undefined ? '' : ` It is at ${file}.`}]`;
  return [{ type: 'text', text: order }, ...images];
}
