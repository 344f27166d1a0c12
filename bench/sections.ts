import { ackSection } from './ack.ts';
import { backlogSection } from './backlog.ts';
import { boundsSection } from './bounds.ts';
import { commandsSection } from './commands.ts';
import { deliverySection } from './delivery.ts';
import { doorSection } from './door.ts';
import { firstRequestSection } from './first-request.ts';
import { forgedSection } from './forged.ts';
import { dashboardSection } from './dashboard/dashboard.ts';
import { readingSection } from './reading.ts';
import { relayStartSection } from './relay-start.ts';
import { scaleSection } from './scale/scale.ts';
import type { Section } from './section.ts';
import { takeUpSection } from './take-up.ts';
import { twoPeopleSection } from './two-people.ts';
import { workerStartSection } from './worker-start.ts';

/** All measurements, in the order of the results. */
export const sections: Section[] = [
  ackSection,
  forgedSection,
  doorSection,
  relayStartSection,
  workerStartSection,
  firstRequestSection,
  twoPeopleSection,
  deliverySection,
  takeUpSection,
  commandsSection,
  backlogSection,
  scaleSection,
  dashboardSection,
  boundsSection,
  readingSection,
];
