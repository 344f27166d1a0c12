import type { Message } from '../shared/message.ts';
import type { Prompt } from './agent/agent.ts';

/** Writes a person's message as Claude gets it: the text as it is, and what came with it in words. */
export function toPrompt(message: Message): Prompt {
  const { location, media, choice } = message;
  const lines = [
    message.text.trim() || choice?.title || '',
    ...media.map((file) => `[The person sent a file of type ${file.type}, which cannot be opened here yet.]`),
    location ? `[The person shared a location: ${[location.label, location.address].filter(Boolean).join(', ')} (${location.latitude}, ${location.longitude})]` : '',
  ];
  return { id: message.id, text: lines.filter((line) => line !== '').join('\n') || '[The person sent an empty message.]' };
}
