/**
 * What a round must do, told a second time: a plain list of voters, fractions of big integers, and every way in
 * which the votes that are out might still fall. Shares no code and no idea with the chart, the tally or the box.
 */
export interface Setup {
  readonly rule: 'majority' | 'supermajority' | 'unanimous' | 'weighted';
  readonly tie: 'reject' | 'keep' | 'leader';
  readonly fallback: 'keep' | 'leader_decides' | 'custom' | { readonly retry: number };
  /** As a fraction; none for "more than half". */
  readonly quorum: readonly [number, number] | undefined;
  /** One a voter; voters are called v0, v1 … and are in their incarnation 5. */
  readonly weights: readonly number[];
  readonly term: number | undefined;
}

/** `failed`: the voter was asked, and could not say. */
export type Say = 'accept' | 'reject' | 'abstain' | 'failed';

export type Happening =
  | { readonly type: 'vote'; readonly voter: string; readonly incarnation: number; readonly vote: Say }
  | { readonly type: 'death'; readonly voter: string; readonly incarnation: number }
  | { readonly type: 'deadline' }
  | { readonly type: 'cut'; readonly why: 'superseded' | 'coordination_lost' }
  | { readonly type: 'leader'; readonly term: number | undefined }
  | { readonly type: 'ruling'; readonly term: number; readonly vote: Say };

export const INCARNATION = 5;

export interface Seen {
  readonly phase: 'voting' | 'casting' | 'appealed' | 'over';
  readonly outcome: 'accepted' | 'rejected' | 'no_quorum' | 'expired' | undefined;
  readonly isEnacted: boolean;
  readonly decidedBy: 'voters' | 'leader';
  readonly next: 'nothing' | 'retry' | 'custom' | undefined;
  /** Why it was cut off. */
  readonly cut: string | undefined;
  /** Term of the leader it knows of. */
  readonly term: number | undefined;
  readonly counts: { readonly [Key in Say | 'total']: number };
  /** Why the last vote was refused. */
  readonly refusal: string | undefined;
  /** Terms of the leaders that the last happening had asked. */
  readonly asked: readonly number[];
}

interface Person {
  readonly name: string;
  readonly weight: bigint;
  says?: Say;
}

/** A round as the model knows it: what can be seen of it, and who is in it. */
export interface Told extends Seen {
  readonly people: readonly Person[];
}

/** A round that has just been opened. */
export function begin(setup: Setup): Told {
  const people = setup.weights.map((weight, i) => ({ name: `v${i}`, weight: BigInt(weight) }));
  const round = new Model(setup, { ...OPEN, people, term: setup.term });
  round.weighIfCertain();
  return round.told();
}

/** The round once one thing more has happened. */
export function next(setup: Setup, told: Told, happening: Happening): Told {
  const round = new Model(setup, told);
  round.take(happening);
  return round.told();
}

/** The round after all of `history`. */
export function tell(setup: Setup, history: readonly Happening[]): Told {
  return history.reduce((told, happening) => next(setup, told, happening), begin(setup));
}

const OPEN: Omit<Told, 'people' | 'term' | 'counts'> = {
  phase: 'voting',
  outcome: undefined,
  isEnacted: false,
  decidedBy: 'voters',
  next: undefined,
  cut: undefined,
  refusal: undefined,
  asked: [],
};

class Model {
  readonly #setup: Setup;
  #people: Person[];
  #phase: Seen['phase'];
  #outcome: Seen['outcome'];
  #isEnacted: boolean;
  #decidedBy: Seen['decidedBy'];
  #cut: string | undefined;
  #term: number | undefined;
  #refusal: string | undefined;
  #asked: number[] = [];

  constructor(setup: Setup, told: Omit<Told, 'counts'>) {
    this.#setup = setup;
    this.#people = told.people.map((person) => ({ ...person }));
    this.#phase = told.phase;
    this.#outcome = told.outcome;
    this.#isEnacted = told.isEnacted;
    this.#decidedBy = told.decidedBy;
    this.#cut = told.cut;
    this.#term = told.term;
  }

  take(happening: Happening): void {
    switch (happening.type) {
      case 'vote':
        return this.#vote(happening);
      case 'death':
        if (this.#phase !== 'voting' || happening.incarnation !== INCARNATION) return;
        this.#people = this.#people.filter(({ name }) => name !== happening.voter);
        return this.weighIfCertain();
      case 'deadline':
        if (this.#phase === 'voting') this.#weigh();
        else if (this.#phase !== 'over') this.#fail();
        return;
      case 'cut':
        if (this.#phase === 'over') return;
        this.#cut = happening.why;
        if (this.#phase === 'appealed') this.#fail();
        else this.#end('expired');
        return;
      case 'leader':
        if (this.#phase === 'over') return;
        this.#term = happening.term;
        if (this.#phase === 'voting') return;
        if (happening.term === undefined) this.#fail();
        else this.#asked.push(happening.term);
        return;
      default:
        return this.#rule(happening);
    }
  }

  /** No quorum is never certain before everybody has answered, for whoever is out may still die. */
  weighIfCertain(): void {
    const possible = futures(this.#setup, this.#people);
    const isOut = this.#people.some(({ says }) => says === undefined);
    if (possible.size === 1 && !(isOut && possible.has('no_quorum'))) this.#weigh();
  }

  told(): Told {
    const says = (say: Say): number => this.#people.filter((person) => person.says === say).length;
    const counts = {
      total: this.#people.length,
      accept: says('accept'),
      reject: says('reject'),
      abstain: says('abstain'),
      failed: says('failed'),
    };
    return {
      phase: this.#phase,
      outcome: this.#outcome,
      isEnacted: this.#isEnacted,
      decidedBy: this.#decidedBy,
      next: this.#outcome === undefined ? undefined : this.#next(),
      cut: this.#cut,
      term: this.#term,
      counts,
      refusal: this.#refusal,
      asked: this.#asked,
      people: this.#people,
    };
  }

  #vote({ voter, incarnation, vote }: Extract<Happening, { type: 'vote' }>): void {
    const person = this.#people.find(({ name }) => name === voter);
    if (this.#phase !== 'voting') this.#refusal = 'late';
    else if (!this.#setup.weights.some((_, i) => voter === `v${i}`)) this.#refusal = 'foreign';
    else if (incarnation !== INCARNATION) this.#refusal = 'other_incarnation';
    else if (!person) this.#refusal = 'dead';
    else if (person.says) this.#refusal = 'double';
    else {
      person.says = vote;
      this.weighIfCertain();
    }
  }

  #rule({ term, vote }: Extract<Happening, { type: 'ruling' }>): void {
    if (this.#phase !== 'casting' && this.#phase !== 'appealed') return;
    if (term !== this.#term) return;
    if (vote === 'accept' || vote === 'reject') this.#decidedBy = 'leader';
    if (vote !== 'accept') this.#fail();
    else if (this.#phase === 'casting') this.#end('accepted', true);
    else this.#fail(true);
  }

  #weigh(): void {
    const { tie, fallback } = this.#setup;
    const found = verdict(this.#setup, this.#people);
    const hasTie = found === 'tie';
    if (found === 'accepted') this.#end('accepted', true);
    else if (hasTie && tie === 'leader' && this.#term !== undefined) this.#ask('casting');
    else if (fallback === 'leader_decides' && this.#term !== undefined && !(hasTie && tie === 'keep'))
      this.#ask('appealed');
    else this.#fail();
  }

  #ask(where: 'casting' | 'appealed'): void {
    this.#phase = where;
    this.#asked.push(this.#term!);
  }

  #fail(isEnacted = false): void {
    const hasQuorum = verdict(this.#setup, this.#people) !== 'no_quorum';
    this.#end(hasQuorum ? 'rejected' : 'no_quorum', isEnacted);
  }

  #end(outcome: Seen['outcome'], isEnacted = false): void {
    this.#phase = 'over';
    this.#outcome = outcome;
    this.#isEnacted = isEnacted;
  }

  #next(): Seen['next'] {
    const { tie, fallback } = this.#setup;
    if (this.#isEnacted || this.#cut === 'coordination_lost') return 'nothing';
    const isTie = verdict(this.#setup, this.#people) === 'tie';
    if (this.#outcome === 'rejected' && isTie && tie === 'keep') return 'nothing';
    if (fallback === 'custom') return 'custom';
    return typeof fallback === 'object' ? 'retry' : 'nothing';
  }
}

/** The verdict on these people as they are, in fractions. */
function verdict(setup: Setup, people: readonly Person[]): string {
  const voted = people.filter(({ says }) => says !== undefined && says !== 'failed');
  const [share, whole] = setup.quorum ?? [1, 2];
  const needed = BigInt(share) * BigInt(people.length);
  const came = BigInt(whole) * BigInt(voted.length);
  if (people.length === 0 || (setup.quorum ? came < needed : came <= needed)) return 'no_quorum';
  const size = (person: Person): bigint => (setup.rule === 'weighted' ? person.weight : 1n);
  let yes = 0n;
  let no = 0n;
  for (const person of voted) {
    if (person.says === 'accept') yes += size(person);
    if (person.says === 'reject') no += size(person);
  }
  if (setup.rule === 'unanimous') return yes === 0n || no !== 0n ? 'rejected' : 'accepted';
  // Two of three: for every one against, two for.
  if (setup.rule === 'supermajority') return yes === 0n || yes < 2n * no ? 'rejected' : 'accepted';
  return yes === no ? 'tie' : yes > no ? 'accepted' : 'rejected';
}

/** Every verdict that is still possible, whatever those who are out do or leave. */
function futures(setup: Setup, people: readonly Person[]): Set<string> {
  let key = `${setup.rule} ${setup.quorum?.join('/')}`;
  for (const { weight, says } of people) key += ` ${weight}${says ?? '?'}`;
  let found = foreseen.get(key);
  if (found === undefined) {
    found = new Set();
    if (people.filter((person) => person.says === undefined).length <= 7) {
      foresee(setup, [...people], 0, found);
    } else {
      // Too many to go through: nothing goes further than all of them doing the same.
      for (const says of ['accept', 'reject', 'abstain', undefined] as const) {
        found.add(
          verdict(
            setup,
            people.map((person) => (person.says || !says ? person : { ...person, says })),
          ),
        );
      }
    }
    foreseen.set(key, found);
  }
  return found;
}

const foreseen = new Map<string, Set<string>>();

function foresee(setup: Setup, people: Person[], from: number, found: Set<string>): void {
  const index = people.findIndex((person, i) => i >= from && person.says === undefined);
  const person = people[index];
  if (!person) {
    found.add(verdict(setup, people));
    return;
  }
  for (const says of ['accept', 'reject', 'abstain', undefined] as const) {
    const { name, weight } = person;
    people[index] = says === undefined ? { name, weight } : { name, weight, says };
    foresee(setup, people, index + 1, found);
    if (found.size > 1) break;
  }
  people[index] = person;
}
