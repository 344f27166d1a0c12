import { z } from 'zod';
import { pictureFaults } from '../../media/picture-fault.ts';
import { planCuts } from '../../media/picture-cuts.ts';
import type { FileReader, Reading } from '../../reading/file-reader.ts';
import { pictureSize } from '../../reading/picture-size.ts';
import type { Refine } from '../mcp/browser-server.ts';
import { savedPicture, takesPicture } from './saved-picture.ts';

/** The content blocks of an MCP result, limited to what concerns pictures. */
const Content = z.array(
  z.union([
    z.looseObject({ type: z.literal('image'), data: z.string(), mimeType: z.string() }),
    z.looseObject({ type: z.string() }),
  ]),
);
type Block = z.infer<typeof Content>[number];

/** Size limit for converting a picture (characters of base64): 32 MB. */
const largest = Math.ceil((32 * 1024 * 1024 * 4) / 3);
/**
 * A picture within these limits goes to the model unchanged: pixels per side and characters, if it
 * is also short enough not to be cut into parts.
 */
const [longestSide, mostCharacters] = [2000, 5 * 1024 * 1024];
/** A picture's size is within this many characters of base64. */
const headCharacters = 64 * 1024;

/**
 * Shows tools' pictures to the model the way people's pictures are shown: as large as it can see, a
 * long page in parts. Claude Code would shrink a whole page to the size of one picture. A picture
 * that cannot be opened is replaced by a sentence, because a picture that the API refuses would
 * break the session.
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

/** Whether the model can read a picture unchanged, judged by its header. */
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
