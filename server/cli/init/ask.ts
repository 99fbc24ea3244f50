// The questions of `sotto init` on a terminal, by @clack/prompts. Not here: which questions, and what becomes of the answers (command.ts).

/** What a guided command asks with. Tests answer by themselves. `undefined`: the person has had enough (Ctrl+C). */
export interface Ask {
  begin(title: string): void;
  text(question: string, initial: string, wrong: (answer: string) => string | undefined): Promise<string | undefined>;
  choose(
    question: string,
    choices: readonly { readonly value: string; readonly says: string; readonly hint?: string }[],
    initial: string,
  ): Promise<string | undefined>;
  end(text: string): void;
}

export async function terminalAsk(): Promise<Ask> {
  const { intro, isCancel, outro, select, text } = await import('@clack/prompts');
  return {
    begin: (title) => intro(title),
    async text(question, initial, wrong) {
      const answer = await text({
        message: question,
        placeholder: initial,
        defaultValue: initial,
        validate: (said) => wrong(said === undefined || said === '' ? initial : said),
      });
      return isCancel(answer) ? undefined : answer;
    },
    async choose(question, choices, initial) {
      const options = choices.map(({ value, says, hint }) => ({
        value,
        label: says,
        ...(hint !== undefined && { hint }),
      }));
      const answer = await select({ message: question, options, initialValue: initial });
      return isCancel(answer) ? undefined : answer;
    },
    end: (words) => outro(words),
  };
}
