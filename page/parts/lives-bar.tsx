/** The lives of one agent as bars over time: how long each was, how it ended, and the gaps between them. */
import type { Life } from '../../src/dashboard/protocol.ts';
import { now } from '../model/clock.ts';
import { life, place } from '../model/life.ts';
import { duration, moment, time } from '../words.ts';

/** Narrower ones are not seen. */
const MIN_SHARE = 0.003;

export function LivesBar({ lives }: { readonly lives: readonly Life[] }) {
  const first = lives[0]?.startedAt;
  if (first === undefined) return <div class="lives" />;
  const end = Math.max(now.value, lives.at(-1)?.endedAt ?? 0);
  const span = Math.max(1, end - first);
  const shareOf = (at: number) => (at - first) / span;
  const crashes = lives.filter((one) => one.end === 'crashed').length;
  const looked = place.value === undefined ? undefined : life.value?.steps[place.value]?.at;
  return (
    <div class="lives">
      <div
        class="lives-bar"
        role="img"
        aria-label={`${lives.length} lives since ${moment(first)}, ${crashes} of them ended in a crash`}
      >
        {lives.map((one) => {
          const left = shareOf(one.startedAt);
          const width = Math.max(MIN_SHARE, shareOf(one.endedAt ?? end) - left);
          const how =
            one.endedAt === undefined
              ? 'alive'
              : `${one.end ?? 'gone'}${one.reason === undefined ? '' : `: ${one.reason}`}`;
          return (
            <i
              key={one.incarnation}
              class={`life ended-${one.endedAt === undefined ? 'not' : (one.end ?? 'forgotten')}`}
              title={`Life ${one.incarnation}, ${duration((one.endedAt ?? end) - one.startedAt)}, ${how}`}
              style={{ left: `${left * 100}%`, width: `${width * 100}%` }}
            />
          );
        })}
        {looked === undefined ? null : (
          <i class="looked" style={{ left: `${Math.min(1, Math.max(0, shareOf(looked))) * 100}%` }} />
        )}
      </div>
      <p class="quiet">
        <span>{time(first)}</span>
        <span>
          {lives.length === 1 ? '1 life' : `${lives.length} lives`}
          {crashes > 0 ? `, ${crashes} ended in a crash` : ''}
        </span>
        <span>{time(end)}</span>
      </p>
    </div>
  );
}
