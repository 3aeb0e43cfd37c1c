/** Where a run stands. */
export interface ProgressState {
  readonly total: number;
  readonly sent: number;
  readonly delivered: number;
}

/** Where progress is written: `process.stdout`, or something like it. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows where a run stands. */
export interface Progress {
  update(state: ProgressState): void;
  /** Shows the last state and ends the line. */
  end(): void;
}

const BAR_WIDTH = 30;
const REDRAW_MS = 100;
const LINE_STEP = 0.1;

function describe({ total, sent, delivered }: ProgressState): string {
  return `${sent}/${total} sent, ${delivered} delivered`;
}

function bar(share: number): string {
  const filled = Math.round(share * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
}

const shareOf = ({ total, delivered }: ProgressState) => (total === 0 ? 1 : delivered / total);

function terminalBar(output: ProgressOutput): Progress {
  let state: ProgressState | undefined;
  let drawnAt = 0;
  const draw = () => {
    if (!state) return;
    const share = shareOf(state);
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    const line = `${bar(share)} ${percent} %  ${describe(state)}`;
    output.write(`\r${line.slice(0, (output.columns ?? 80) - 1)}\u001b[K`);
    drawnAt = Date.now();
  };
  return {
    update: (now) => {
      state = now;
      if (Date.now() - drawnAt >= REDRAW_MS) draw();
    },
    end: () => {
      draw();
      output.write('\n');
    },
  };
}

/** For logs: a line for every tenth of the way. */
function plainLines(output: ProgressOutput): Progress {
  let state: ProgressState | undefined;
  let nextShare = LINE_STEP;
  let written = '';
  const write = () => {
    const line = state ? describe(state) : '';
    if (line !== written) output.write(`${line}\n`);
    written = line;
  };
  return {
    update: (now) => {
      state = now;
      if (shareOf(now) < nextShare) return;
      nextShare = Math.floor(shareOf(now) / LINE_STEP + 1) * LINE_STEP;
      write();
    },
    end: write,
  };
}

/** A bar in a terminal, plain lines elsewhere. */
export function progressOn(output: ProgressOutput): Progress {
  return output.isTTY ? terminalBar(output) : plainLines(output);
}
