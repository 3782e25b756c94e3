/**
 * What the modules of agents were when they were last loaded, for later programs: a release may have changed them.
 *
 * The `agent.registered` of an agent has the manifest of its registration only. What is newer is kept as a fact of its
 * type, with the URL that was loaded.
 */
import { z } from 'zod';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, StoredAgent } from '../journal/store.ts';

type Registered = StoredAgent['registered'];

const keptSchema = z.strictObject({
  url: z.string(),
  /** Newer than registrations and changes of specs up to that sequence. */
  upTo: z.int(),
  manifest: z.custom<AgentManifest>((value) => typeof value === 'object' && value !== null),
});
type Kept = z.infer<typeof keptSchema>;

const factOf = (type: string): string => `manifest of ${type}`;

export class LastManifests {
  readonly #facts: Recovery['facts'];
  readonly #journal: Journal;
  readonly #kept = new Map<string, Kept | undefined>();

  constructor({ facts }: Pick<Recovery, 'facts'>, journal: Journal) {
    this.#facts = facts;
    this.#journal = journal;
  }

  /** The newest manifest that is known of an agent of the store whose module is at this URL. */
  of({ agentType, sequence, manifest }: Registered, module: URL): AgentManifest {
    const kept = this.#of(agentType);
    return kept?.url === module.href && sequence <= kept.upTo ? kept.manifest : manifest;
  }

  /** A module was loaded, and is not as it was known. */
  keep(module: URL, manifest: AgentManifest): void {
    const { type } = manifest;
    const known = this.#of(type);
    if (known?.url === module.href && known.manifest.hash === manifest.hash) return;
    const kept: Kept = { url: module.href, upTo: this.#journal.lastSequence, manifest };
    this.#kept.set(type, kept);
    this.#journal.keepFact(factOf(type), JSON.stringify(kept));
  }

  #of(type: string): Kept | undefined {
    if (!this.#kept.has(type)) {
      const fact = this.#facts.get(factOf(type));
      this.#kept.set(type, fact === undefined ? undefined : keptSchema.parse(JSON.parse(fact)));
    }
    return this.#kept.get(type);
  }
}
