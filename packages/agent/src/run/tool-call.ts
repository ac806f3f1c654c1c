import type { AudienceJson } from "@perdure/protocol";
import { MessageWriter } from "./message-writer.ts";
import type { RunScope } from "./scope.ts";
import type { StepContext, Steps } from "./steps.ts";

export interface ToolCallOptions {
  /** Names the call across attempts; default: the tool and the place among its calls. */
  readonly key?: string;
  readonly label?: string;
  readonly audience?: AudienceJson;
}

/**
 * Calls a tool as a durable step, and shows call and result as a message. Resolves to the output, which is JSON. Where
 * the tool throws, the result is shown as failed and this throws the same.
 */
export async function toolCall(
  scope: RunScope,
  steps: Steps,
  call: { readonly name: string; readonly input: unknown },
  work: (step: StepContext) => unknown,
  options: ToolCallOptions = {},
): Promise<unknown> {
  const key = options.key ?? steps.keyOf(`tool:${call.name}`);
  return steps.run(key, { label: options.label ?? call.name }, async (step) => {
    const audience = options.audience === undefined ? {} : { audience: options.audience };
    const writer = new MessageWriter(scope, { stepId: step.id, ...audience });
    const callId = step.id;
    await writer.add({ kind: "toolCall", callId, ...call });
    try {
      const output = await work(step);
      await writer.add({ kind: "toolResult", callId, output: output ?? null });
      await writer.accepted();
      return output;
    } catch (error) {
      if (!scope.signal.aborted) await writer.add({ kind: "toolResult", callId, output: String(error), failed: true });
      throw error;
    } finally {
      await writer.close(scope.signal.aborted ? "FINISH_REASON_CANCELLED" : "FINISH_REASON_STOP");
    }
  });
}
