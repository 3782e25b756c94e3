/** What tasks have asked people, and a form for each answer. */
import type { QuestionRecord } from '../../src/index.ts';
import { part } from '../connection/api.ts';
import { controlToken } from '../connection/session.ts';
import { now } from '../model/clock.ts';
import { hello, questions } from '../model/fleet.ts';
import { agentHref, taskHref } from '../model/route.ts';
import { performed } from '../parts/performed.ts';
import { AnswerFields } from '../parts/answer-form.tsx';
import { askForSecret } from '../parts/dialogs.tsx';
import { Empty } from '../parts/empty.tsx';
import { Json } from '../parts/json.tsx';
import { ago, duration, moment, number } from '../words.ts';

/** Less time than this is urgent; ms. */
const SOON_MS = 10 * 60_000;

export function QuestionsView() {
  const open = questions.value;
  if (open === undefined) return <main class="view" aria-busy="true" />;
  return (
    <main class="view">
      <header>
        <h1>Questions</h1>
        <p>{open.length === 0 ? 'nobody is asked' : `${number(open.length)} open, oldest first`}</p>
      </header>
      {open.length === 0 ? (
        <div class="card">
          <Empty title="Nothing waits for your answer">
            A task that asks a person waits here until it is answered, over crashes and restarts.
            <br />
            <code>const answer = await ask({'{ question, schema }'})</code>
          </Empty>
        </div>
      ) : (
        <>
          <MayAnswer />
          <ul class="questions">
            {open.map((question) => (
              <li key={question.id}>
                <Question question={question} />
              </li>
            ))}
          </ul>
        </>
      )}
    </main>
  );
}

/** Who may answer: nobody without control. */
function MayAnswer() {
  if (controlToken.value !== null) return null;
  if (!hello.value?.control) {
    return (
      <p class="card hint">
        This page may only look. Answer by <code>mabeam answer ID VALUE</code>, or open the dashboard with
        control.
      </p>
    );
  }
  return (
    <p class="card hint">
      To answer takes the control token.{' '}
      <button type="button" class="button" onClick={askForSecret}>
        Unlock control
      </button>
    </p>
  );
}

function Question({ question }: { readonly question: QuestionRecord }) {
  const {
    id,
    agentId,
    taskId,
    task,
    question: text,
    details,
    schema,
    askedAt,
    deadlineAt,
    refused,
  } = question;
  const left = deadlineAt === undefined ? undefined : deadlineAt - now.value;
  return (
    <article class="card question" aria-label={text}>
      <div class="body">
        <h2>{text}</h2>
        <p class="quiet">
          <a class="mono" href={agentHref(agentId)}>
            {agentId}
          </a>{' '}
          asks in{' '}
          <a class="mono" href={taskHref(taskId)}>
            {task}
          </a>
          , {ago(askedAt, now.value)}
          {left === undefined ? null : (
            <span class={left < SOON_MS ? 'tone-bad' : 'tone-warn'} title={moment(deadlineAt!)}>
              {left > 0 ? `, ${duration(left)} left` : ', its time is over'}
            </span>
          )}
        </p>
        {refused === undefined ? null : (
          <p class="note bad">The last answer was refused by the task: {refused}</p>
        )}
        {details === undefined ? null : (
          <div class="question-details">
            <Json value={details} />
          </div>
        )}
        {controlToken.value === null ? null : (
          <AnswerFields
            id={`answer-${id}`}
            schema={schema}
            answer={(answer) => void performed(`questions/${part(id)}`, { answer }, `answer ${task}`)}
          />
        )}
      </div>
    </article>
  );
}
