import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { AgentTurn } from '../../worker/agent/agent.ts';
import { createFileReader } from '../../worker/reading/file-reader.ts';
import type { FileReader } from '../../worker/reading/file-reader.ts';
import { drawingSeconds, endlessDrawing, hostileFiles } from '../support/hostile-files.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

test(
  'hostile files hold up neither the worker nor anybody else, whoever hands them over; every message is answered',
  { tags: 'long' },
  async () => {
    await withPipeline({}, async ({ startWorker, twin, say, replies, dataDir, log }) => {
      const asked: string[] = [];
      const told: string[] = [];
      const answer = async (text: string, { workspace, tools }: AgentTurn): Promise<string> => {
        asked.push(text);
        const name = /^send (\S+)/.exec(text)?.[1];
        const file = hostileFiles.find((hostile) => hostile.name === name);
        if (!file) return `seen ${asked.length}`;
        await mkdir(workspace, { recursive: true });
        await writeFile(path.join(workspace, file.name), file.bytes());
        told.push(await tools.sendFile({ path: file.name }));
        return `sent ${file.name}`;
      };
      const [reader, impatient] = [
        createFileReader({ log }),
        createFileReader({ log, processorSeconds: drawingSeconds }),
      ];
      const isSeen = Promise.withResolvers<void>();
      const ofDrawings: FileReader = {
        ...reader,
        async receive(bytes, claimed, signal) {
          if (!bytes.equals(endlessDrawing)) return await reader.receive(bytes, claimed, signal);
          const [reading] = await Promise.all([
            impatient.receive(bytes, claimed, signal),
            isSeen.promise,
          ]);
          return reading;
        },
        async send(bytes, name, signal) {
          return await (bytes.equals(endlessDrawing) ? impatient : reader).send(
            bytes,
            name,
            signal,
          );
        },
        stop: async () => void (await Promise.all([reader.stop(), impatient.stop()])),
      };
      const agent = createFastAgent({ dir: path.join(dataDir, 'transcripts'), answer });
      const worker = await startWorker({ reader: ofDrawings, createAgent: async () => agent });
      const texts = (from = phone): string[] => replies(from).map((reply) => reply.text);
      const send = async (bytes: Buffer, type: string, text?: string): Promise<unknown> =>
        await twin.chat.receive(phone, {
          media: { name: 'file', type, base64: bytes.toString('base64') },
          ...(text === undefined ? {} : { text }),
        });

      // While the first person's drawing is drawn, the second one is answered and the worker says
      // that it lives.
      await send(endlessDrawing, 'image/svg+xml');
      await say('hello', otherPhone);
      await until('the other person’s answer', () => texts(otherPhone).length === 1);
      expect((await fetch(`${worker.url}/health`)).status).toBe(200);
      expect(texts()).toEqual([]);
      isSeen.resolve();
      await until('the sentence', () => texts().length === 1);
      expect(texts()).toEqual([
        'I could not open the picture that you sent: it takes too long to unpack.',
      ]);

      const files = hostileFiles.filter(({ name }) =>
        ['notes.txt', 'one.vcf', 'streams.pdf'].includes(name),
      );
      for (const { bytes, type } of files) await send(bytes(), type, 'look');
      await until(
        'all are answered',
        () => asked.join('').split('look').length > files.length,
        60_000,
      );
      expect(asked.join('\n')).toMatch(/of type text\/plain; it is at \S+\.txt\]/);
      expect(asked.join('\n')).toMatch(/shared a contact: Ada, 1 \(a\); the card is at/);
      expect(asked.join('\n')).toMatch(
        /of type application\/pdf; it is at \S+\.pdf\] \[It is not shown to you here: read it with your tools\.\]/,
      );

      for (const name of ['notes.txt', 'drawing.svg']) {
        await say(`send ${name}`);
        await until(name, () => texts().includes(`sent ${name}`), 60_000);
      }
      expect(told).toEqual([
        'Sent as a link that works for a day, since WhatsApp does not carry this kind of file.',
        'That picture was not sent: it takes too long to unpack.',
      ]);
    });
  },
);

test('a table of Excel’s and an iPhone’s photo are what they are', async () => {
  await withPipeline({}, async ({ startWorker, twin, replies }) => {
    const asked: string[] = [];
    await startWorker({ answer: async (text: string) => String(asked.push(text)) });
    const send = async (bytes: Buffer, type: string): Promise<unknown> =>
      await twin.chat.receive(phone, {
        media: { name: 'file', type, base64: bytes.toString('base64') },
      });
    await send(Buffer.from('\uFEFFName;Größe\r\nBrot;3 €\r\n', 'utf16le'), 'text/csv');
    await until('the answer', () => asked.length === 1);
    expect(asked[0]).toMatch(
      /^\[The person sent a file of type text\/csv; it is at \S+\.csv\] \[It was in UTF-16 \(little-endian\) and is in UTF-8 there\.\]$/,
    );
    expect(await readFile(/it is at (\S+)\]/.exec(asked[0] ?? '')?.[1] ?? '', 'utf8')).toBe(
      'Name;Größe\r\nBrot;3 €\r\n',
    );
    await send(
      Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08mdat', 'latin1'),
      'application/octet-stream',
    );
    await until('the sentence', () => replies().length === 2);
    expect(replies()[1]?.text).toMatch(
      /^I could not open the picture that you sent: it is in Apple’s format HEIC, .* Settings > Camera > Formats > Most Compatible\.$/,
    );
  });
});
