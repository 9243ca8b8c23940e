/**
 * What is passed on of a request, wire by wire, as data. A provider that fetches, runs or keeps something does so past
 * the egress policy of the sandbox, so what is not listed here is refused by name: a new feature of a provider is looked
 * at before it is listed.
 */
import type { Fields, RequestTable, Rule } from './request-rules.ts';

const data: Rule = { kind: 'data' };
const plain: Rule = { kind: 'plain' };
const address: Rule = { kind: 'address' };
const refused: Rule = { kind: 'refused' };
const dropped: Rule = { kind: 'dropped' };

const list = (of: Rule): Rule => ({ kind: 'list', of });
const typed = (types: Fields, untyped: Rule): Rule => ({ kind: 'typed', types, untyped });
const object = (fields: Fields): Rule => ({ kind: 'object', fields, others: 'plain' });
const only = (fields: Fields): Rule => ({ kind: 'object', fields, others: 'refused' });
const all = (rule: Rule, names: string): Fields =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, rule]));

const table = (fields: Fields, always: RequestTable['always'] = {}): RequestTable => ({
  rule: only(fields),
  always,
  eitherCase: false,
});

// Anthropic Messages.

const sources: Fields = { ...all(data, 'base64 text'), url: object({ url: address }), file: refused };
const image = object({ source: typed(sources, refused) });
const document = object({
  source: typed(
    { ...sources, content: object({ content: list(typed({ text: data, image }, refused)) }) },
    refused,
  ),
  ...all(data, 'title context'),
});
/** Blocks inside the result of a tool. */
const resultBlocks: Fields = {
  ...all(data, 'text search_result tool_reference'),
  image,
  document,
};
const blocks = list(
  typed(
    {
      ...resultBlocks,
      ...all(data, 'thinking redacted_thinking compaction tool_use'),
      // What an earlier answer said of a tool that is not offered any more; encrypted, and nothing is fetched for it.
      ...all(data, 'server_tool_use web_search_tool_result web_fetch_tool_result tool_search_tool_result'),
      tool_result: object({ content: list(typed(resultBlocks, refused)) }),
      ...all(refused, 'container_upload mcp_* code_execution_* bash_code_execution_*'),
    },
    refused,
  ),
);

const messages: RequestTable = table({
  ...all(plain, 'model max_tokens stream temperature top_k top_p stop_sequences service_tier speed'),
  ...all(
    plain,
    'tool_choice thinking context_management cache_control inference_geo anthropic_version betas',
  ),
  ...all(data, 'metadata output_config output_format'),
  system: list(typed({ text: data }, refused)),
  messages: list(object({ content: blocks })),
  tools: list(
    typed(
      {
        ...all(data, 'custom bash_# text_editor_# computer_# memory_#'),
        // Finds tools among those in the request.
        ...all(data, 'tool_search_tool_regex* tool_search_tool_bm25*'),
        ...all(dropped, 'web_search_* web_fetch_* advisor_*'),
        ...all(refused, 'code_execution_* mcp_toolset'),
      },
      data,
    ),
  ),
  ...all(refused, 'mcp_servers container'),
});

// OpenAI Chat Completions, and what compatible providers add to it.

const chatParts = list(
  typed(
    {
      ...all(data, 'text refusal thinking redacted_thinking reasoning'),
      image_url: object({ image_url: object({ url: address }) }),
      input_audio: object({ input_audio: object({ data: plain }) }),
      video_url: object({ video_url: object({ url: address }) }),
      audio_url: object({ audio_url: object({ url: address }) }),
      file: object({ file: object({ file_data: plain, file_url: address }) }),
    },
    refused,
  ),
);
const functions: Fields = all(data, 'function custom');

const chat: RequestTable = table({
  ...all(plain, 'model stream stream_options temperature top_p top_k min_p top_a typical_p n seed'),
  ...all(plain, 'max_tokens max_completion_tokens frequency_penalty presence_penalty repetition_penalty'),
  ...all(plain, 'logit_bias logprobs top_logprobs parallel_tool_calls reasoning_effort reasoning thinking'),
  ...all(plain, 'thinking_budget enable_thinking preserve_thinking verbosity service_tier modalities audio'),
  ...all(
    plain,
    'prompt_cache_key safety_identifier user usage include think num_ctx keep_alive options format',
  ),
  ...all(plain, 'reasoningEffort reasoningSummary reasoning_summary textVerbosity reasoning_format'),
  ...all(plain, 'vl_high_resolution_images stream_tool_calls tool_stream cache_control function_call'),
  ...all(data, 'metadata response_format prediction stop functions chat_template_kwargs'),
  ...all(dropped, 'store prompt_cache_retention'),
  messages: list(
    object({
      content: chatParts,
      ...all(
        data,
        'tool_calls function_call reasoning reasoning_content reasoning_details annotations refusal',
      ),
      audio: refused,
    }),
  ),
  tools: list(typed({ ...functions, ...all(dropped, 'web_search*'), ...all(refused, 'mcp') }, data)),
  tool_choice: typed({ ...functions, allowed_tools: plain }, plain),
  ...all(refused, 'web_search_options enable_search search_parameters plugins extra_body background'),
});

// OpenAI Responses.

const responseParts = list(
  typed(
    {
      ...all(data, 'text input_text output_text summary_text reasoning_text refusal encrypted_content'),
      input_image: object({ image_url: address }),
      input_file: object({ file_url: address, file_data: plain }),
      input_audio: object({ input_audio: object({ data: plain }) }),
      computer_screenshot: object({ image_url: address }),
    },
    refused,
  ),
);
const output = object({ output: responseParts });
const offered: Fields = {
  ...functions,
  ...all(data, 'local_shell apply_patch computer computer_use_preview tool_search'),
  ...all(dropped, 'web_search* image_generation'),
  ...all(refused, 'mcp code_interpreter file_search shell'),
};
const offeredTools = list(
  typed({ ...offered, namespace: object({ tools: list(typed(offered, data)), description: data }) }, refused),
);

const responses: RequestTable = table(
  {
    ...all(
      plain,
      'model stream stream_options temperature top_p top_logprobs max_output_tokens max_tool_calls',
    ),
    ...all(
      plain,
      'parallel_tool_calls reasoning include prompt_cache_key safety_identifier user service_tier',
    ),
    ...all(plain, 'truncation context_management verbosity store'),
    ...all(data, 'instructions metadata client_metadata text'),
    ...all(dropped, 'prompt_cache_retention'),
    input: list(
      typed(
        {
          message: object({ content: responseParts }),
          ...all(data, 'reasoning compaction compaction_summary compaction_trigger web_search_call'),
          ...all(data, 'function_call custom_tool_call local_shell_call apply_patch_call computer_call'),
          ...all(data, 'tool_search_call shell_call apply_patch_call_output local_shell_call_output'),
          ...all(output, 'function_call_output custom_tool_call_output computer_call_output'),
          tool_search_output: object({ tools: offeredTools }),
          additional_tools: object({ tools: offeredTools }),
          ...all(
            refused,
            'item_reference mcp_* file_search_call code_interpreter_call image_generation_call',
          ),
        },
        object({ content: responseParts }),
      ),
    ),
    tools: offeredTools,
    tool_choice: typed({ ...functions, ...all(plain, 'allowed_tools apply_patch local_shell') }, plain),
    ...all(refused, 'previous_response_id conversation background prompt'),
  },
  { store: false },
);

const embeddings: RequestTable = table({
  ...all(plain, 'model encoding_format dimensions user input_type truncate'),
  input: list(plain),
});

// Gemini. Parts and tools have no `type`: the members that they have say what they are.

const blob = { inlineData: data, fileData: object({ fileUri: address }) };
const contents = list(
  object({
    parts: list(
      only({
        ...blob,
        ...all(
          data,
          'text thought thoughtSignature partMetadata functionCall executableCode codeExecutionResult',
        ),
        ...all(plain, 'videoMetadata mediaResolution'),
        functionResponse: object({ response: data, parts: list(only({ ...blob, ...all(data, 'text') })) }),
      }),
    ),
  }),
);
const generation: Fields = {
  contents,
  systemInstruction: contents,
  tools: list(
    only({
      functionDeclarations: data,
      computerUse: plain,
      ...all(refused, 'googleSearch googleSearchRetrieval urlContext codeExecution fileSearch googleMaps'),
      ...all(refused, 'mcpServers enterpriseWebSearch retrieval'),
    }),
  ),
  ...all(plain, 'model toolConfig safetySettings labels serviceTier'),
  generationConfig: object(all(data, 'responseSchema responseJsonSchema _responseJsonSchema stopSequences')),
  store: dropped,
  cachedContent: refused,
};
const embedding: Fields = {
  content: contents,
  ...all(plain, 'model taskType title outputDimensionality'),
};
const gemini = (fields: Fields): RequestTable => ({ ...table(fields), eitherCase: true });

/** By what is asked for. */
export const REQUEST_TABLES = {
  messages,
  chat,
  responses,
  embeddings,
  generateContent: gemini(generation),
  countTokens: gemini({ contents, generateContentRequest: only(generation) }),
  embedContent: gemini({ ...embedding, requests: list(only(embedding)) }),
} as const;
