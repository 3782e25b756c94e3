/** A form for an answer: its fields are what the question's schema asks for. */
import { useMemo, useState } from 'preact/hooks';
import {
  type AnswerForm,
  answerOf,
  type Field,
  type Filled,
  formOf,
  type Schema,
} from '../model/answer-form.ts';
import { inline } from '../words.ts';

interface AnswerFormProps {
  /** Of the question: ids of the fields begin with it. */
  readonly id: string;
  readonly schema: Schema | undefined;
  readonly answer: (value: unknown) => void;
}

/** More options than these are not buttons. */
const BUTTONS = 5;

export function AnswerFields({ id, schema, answer }: AnswerFormProps) {
  const form = useMemo(() => formOf(schema), [schema]);
  const [only] = form.fields;
  if (!form.isObject && only?.kind === 'choice' && only.options.length <= BUTTONS) {
    return <OneOf options={only.options} answer={answer} />;
  }
  if (!form.isObject && only?.kind === 'boolean') {
    return <OneOf options={[true, false]} words={['Yes', 'No']} answer={answer} />;
  }
  return <Fields id={id} form={form} answer={answer} />;
}

/** A choice of few is one press. */
function OneOf({
  options,
  words,
  answer,
}: {
  readonly options: readonly unknown[];
  readonly words?: readonly string[];
  readonly answer: (value: unknown) => void;
}) {
  return (
    <div class="buttons answers">
      {options.map((option, place) => (
        <button key={place} type="button" class="button large" onClick={() => answer(option)}>
          {words?.[place] ?? optionWords(option)}
        </button>
      ))}
    </div>
  );
}

function Fields({
  id,
  form,
  answer,
}: {
  readonly id: string;
  readonly form: AnswerForm;
  readonly answer: (value: unknown) => void;
}) {
  const [filled, setFilled] = useState<Readonly<Record<string, Filled>>>(() =>
    Object.fromEntries(form.fields.map(({ name, initial }) => [name, initial])),
  );
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const read = answerOf(form, filled);
    if ('answer' in read) {
      setProblems({});
      answer(read.answer);
    } else setProblems(read.problems);
  };
  return (
    <form class="answer" onSubmit={submit} noValidate>
      {form.fields.map((field, place) => (
        <OneField
          key={field.name}
          id={`${id}-${place}`}
          field={field}
          filled={filled[field.name]}
          problem={problems[field.name]}
          fill={(value) => setFilled({ ...filled, [field.name]: value })}
        />
      ))}
      <div class="buttons">
        <button type="submit" class="button primary large">
          Answer
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  readonly id: string;
  readonly field: Field;
  readonly filled: Filled;
  readonly problem: string | undefined;
  readonly fill: (value: Filled) => void;
}

function OneField(props: FieldProps) {
  const { id, field, problem } = props;
  const isGroup = field.kind === 'several';
  const title = (
    <>
      {field.title === '' ? 'Your answer' : field.title}
      {field.isRequired || field.name === '' ? null : <span class="quiet"> may be left out</span>}
    </>
  );
  return (
    <div class="answer-field">
      {isGroup ? <p id={`${id}-title`}>{title}</p> : <label for={id}>{title}</label>}
      <Input {...props} />
      {field.help === undefined ? null : (
        <p class="quiet" id={`${id}-help`}>
          {field.help}
        </p>
      )}
      {problem === undefined ? null : (
        <p class="wrong" id={`${id}-problem`} role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

function Input({ id, field, filled, problem, fill }: FieldProps) {
  const described = [
    ...(field.help === undefined ? [] : [`${id}-help`]),
    ...(problem === undefined ? [] : [`${id}-problem`]),
  ].join(' ');
  const common = {
    id,
    class: field.kind === 'json' ? 'field mono' : 'field',
    ...(described === '' ? {} : { 'aria-describedby': described }),
    ...(problem === undefined ? {} : { 'aria-invalid': true }),
  };
  switch (field.kind) {
    case 'choice':
      return <Choice common={common} options={field.options.map(optionWords)} filled={filled} fill={fill} />;
    case 'boolean':
      return (
        <select
          {...common}
          value={filled === undefined ? '' : String(filled)}
          onChange={(event) => {
            const { value } = event.currentTarget;
            fill(value === '' ? undefined : value === 'true');
          }}
        >
          <option value="">choose</option>
          <option value="true">yes</option>
          <option value="false">no</option>
        </select>
      );
    case 'several': {
      const chosen = Array.isArray(filled) ? (filled as readonly number[]) : [];
      return (
        <div role="group" aria-labelledby={`${id}-title`} class="answer-several">
          {field.options.map((option, place) => (
            <label key={place} class="check">
              <input
                type="checkbox"
                checked={chosen.includes(place)}
                onChange={(event) =>
                  fill(
                    event.currentTarget.checked
                      ? [...chosen, place].toSorted((a, b) => a - b)
                      : chosen.filter((one) => one !== place),
                  )
                }
              />{' '}
              {optionWords(option)}
            </label>
          ))}
        </div>
      );
    }
    case 'number':
      return (
        <input
          {...common}
          type="number"
          inputMode={field.isWhole ? 'numeric' : 'decimal'}
          step={field.isWhole ? 1 : 'any'}
          {...(field.min === undefined ? {} : { min: field.min })}
          {...(field.max === undefined ? {} : { max: field.max })}
          value={String(filled ?? '')}
          onInput={(event) => fill(event.currentTarget.value)}
        />
      );
    default: {
      const isLong = field.kind === 'json' || field.isLong;
      const text = String(filled ?? '');
      if (!isLong) {
        return <input {...common} value={text} onInput={(event) => fill(event.currentTarget.value)} />;
      }
      return (
        <textarea
          {...common}
          rows={field.kind === 'json' ? 4 : 2}
          placeholder={field.kind === 'json' ? 'JSON' : ''}
          value={text}
          onInput={(event) => fill(event.currentTarget.value)}
        />
      );
    }
  }
}

function Choice({
  common,
  options,
  filled,
  fill,
}: {
  readonly common: { readonly id: string; readonly class: string };
  readonly options: readonly string[];
  readonly filled: Filled;
  readonly fill: (value: Filled) => void;
}) {
  return (
    <select
      {...common}
      value={String(filled ?? '')}
      onChange={(event) => fill(event.currentTarget.value === '' ? undefined : event.currentTarget.value)}
    >
      <option value="">choose</option>
      {options.map((option, place) => (
        <option key={place} value={String(place)}>
          {option}
        </option>
      ))}
    </select>
  );
}

function optionWords(option: unknown): string {
  return typeof option === 'string' ? option : inline(option);
}
