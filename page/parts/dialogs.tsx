/** What is asked before something is done: the second secret, and whether one is sure. */
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { isRight } from '../connection/api.ts';
import { operator, unlock } from '../connection/session.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly verb: string;
  readonly yes: () => void;
}

const question = signal<Question | undefined>(undefined);
const isUnlocking = signal(false);

export function askFirst(asked: Question): void {
  question.value = asked;
}

export function askForSecret(): void {
  isUnlocking.value = true;
}

function unasked(): void {
  question.value = undefined;
}

function stayLocked(): void {
  isUnlocking.value = false;
}

export function Dialogs() {
  return (
    <>
      {question.value === undefined ? null : <Sure {...question.value} />}
      {isUnlocking.value ? <Unlock /> : null}
    </>
  );
}

function Sure({ title, text, verb, yes }: Question) {
  const confirm = () => {
    unasked();
    yes();
  };
  return (
    <Modal title={title} close={unasked} submit={confirm}>
      <p>{text}</p>
      <div class="buttons">
        <button type="button" class="button" autofocus onClick={unasked}>
          Cancel
        </button>
        <button type="submit" class="button danger sure">
          {verb}
        </button>
      </div>
    </Modal>
  );
}

function Unlock() {
  const [secret, setSecret] = useState('');
  const [name, setName] = useState(operator.value);
  const [problem, setProblem] = useState('');
  const check = () => {
    isRight(secret).then(
      (right) => {
        if (!right) return setProblem('That is not the control token.');
        unlock(secret, name.trim());
        stayLocked();
      },
      () => setProblem('The server cannot be reached.'),
    );
  };
  return (
    <Modal title="Unlock control" close={stayLocked} submit={check}>
      <p>
        Starting, stopping and changing takes a second secret. The program has it as dashboard.controlToken.
      </p>
      <label>
        Control token
        <input
          class="field"
          type="password"
          autocomplete="off"
          autofocus
          required
          value={secret}
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
      </label>
      <label>
        Your name, for the record
        <input
          class="field"
          maxLength={100}
          autocomplete="nickname"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <p class="wrong" role="alert">
        {problem}
      </p>
      <div class="buttons">
        <button type="button" class="button" onClick={stayLocked}>
          Cancel
        </button>
        <button type="submit" class="button primary">
          Unlock
        </button>
      </div>
    </Modal>
  );
}

interface ModalProps {
  readonly title: string;
  readonly close: () => void;
  readonly submit: () => void;
  readonly children: ComponentChildren;
}

function Modal({ title, close, submit, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    element.showModal();
    return () => {
      element.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        {children}
      </form>
    </dialog>
  );
}
