import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the service was sent: the fields of the form, and its file. */
export type Transcription = {
  path: string;
  authorization: string | undefined;
  model: string;
  format: string;
  file: { name: string; type: string; bytes: Buffer };
};

export type TranscriptionService = {
  url: string;
  /** Oldest first. */
  asked: Transcription[];
  /** How the next requests are answered; waits first when it is a promise. */
  answer: (
    asked: Transcription,
  ) => { status: number; body: string } | Promise<{ status: number; body: string }>;
};

/** A service that speaks OpenAI's protocol of transcriptions, with what it is told to answer. */
export async function withTranscriptionService(
  use: (service: TranscriptionService) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    void (async () => {
      const asked = await read(request);
      service.asked.push(asked);
      const { status, body } = await service.answer(asked);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
    })();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const service: TranscriptionService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answer: () => ({ status: 200, body: JSON.stringify({ text: 'hello' }) }),
  };
  try {
    await use(service);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function read(request: IncomingMessage): Promise<Transcription> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  // The platform's own reader of multipart forms.
  const form = await new Response(Buffer.concat(chunks), {
    headers: { 'Content-Type': request.headers['content-type'] ?? '' },
  }).formData();
  const file = form.get('file');
  if (!(file instanceof File)) throw new Error('the form has no file');
  return {
    path: request.url ?? '',
    authorization: request.headers.authorization,
    model: String(form.get('model')),
    format: String(form.get('response_format')),
    file: { name: file.name, type: file.type, bytes: Buffer.from(await file.arrayBuffer()) },
  };
}
