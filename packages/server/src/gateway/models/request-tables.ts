/**
 * The forwarded parts of a request, per API, as data: the members in the published schema of requests, messages,
 * parts and tools, and those that compatible providers add. A provider that fetches, runs or stores something
 * bypasses the sandbox's egress policy, so anything not listed is refused by name, at any depth: a new provider
 * feature is reviewed before it is listed.
 */
import type { Fields, RequestTable, Rule } from './request-rules.ts';

const data: Rule = { kind: 'data' };
const model: Rule = { kind: 'model' };
const plain: Rule = { kind: 'plain' };
const address: Rule = { kind: 'address' };
const refused: Rule = { kind: 'refused' };
const dropped: Rule = { kind: 'dropped' };

const list = (of: Rule): Rule => ({ kind: 'list', of });
const typed = (types: Fields, untyped: Rule): Rule => ({ kind: 'typed', types, untyped });
const only = (
  fields: Fields,
  more: { readonly needs?: readonly string[]; readonly backing?: string } = {},
): Rule => ({ kind: 'object', fields: { ...fields, type: plain }, others: 'refused', ...more });
const all = (rule: Rule, names: string): Fields =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, rule]));
/** Members that are data, and nothing else. */
const dataOf = (names: string): Rule => only(all(data, names));
/** The same rule for several types with the same members. */
const each = (types: string, rule: Rule): Fields => all(rule, types);
const textOr = (fields: Fields, text: Rule): Rule => ({ kind: 'object', fields, others: 'refused', text });

const table = (fields: Fields, always: RequestTable['always'] = {}): RequestTable => ({
  rule: { kind: 'object', fields: { model, ...fields }, others: 'refused' },
  always,
  eitherCase: false,
});

// Anthropic Messages.

const cached: Fields = { cache_control: plain };
const inlined = only({ media_type: plain, data });
const sources: Fields = {
  base64: inlined,
  text: inlined,
  url: only({ url: address, media_type: plain }),
  file: refused,
};
const image = only({ ...cached, source: typed(sources, refused) });
const text = only({ ...cached, text: data, citations: data });
const document = only({
  ...cached,
  source: typed({ ...sources, content: only({ content: list(typed({ text, image }, refused)) }) }, refused),
  ...all(data, 'title context citations'),
});
/** Blocks inside a tool result. */
const resultBlocks: Fields = {
  text,
  image,
  document,
  // `source` is a name for the model to cite; it is not fetched.
  search_result: only({ ...cached, ...all(data, 'source title content citations') }),
  tool_reference: only({ ...cached, tool_name: data }),
};
const blocks = list(
  typed(
    {
      ...resultBlocks,
      thinking: dataOf('thinking signature'),
      redacted_thinking: dataOf('data'),
      compaction: only({ ...cached, ...all(data, 'content encrypted_content') }),
      tool_use: only({ ...cached, ...all(data, 'id name input caller') }),
      // Results in an earlier response of a tool no longer offered; encrypted, and nothing is fetched.
      server_tool_use: only({ ...cached, ...all(data, 'id name input caller') }),
      ...each(
        'web_search_tool_result web_fetch_tool_result tool_search_tool_result',
        only({ ...cached, ...all(data, 'tool_use_id content caller') }),
      ),
      tool_result: only({
        ...cached,
        ...all(data, 'tool_use_id is_error'),
        content: list(typed(resultBlocks, refused)),
      }),
      ...all(refused, 'container_upload mcp_* code_execution_* bash_code_execution_*'),
    },
    refused,
  ),
);
const claudeTool = 'name description input_schema strict defer_loading allowed_callers input_examples';
const ownTool = only({ ...cached, ...all(data, claudeTool), eager_input_streaming: plain });
const screenTool = all(plain, 'display_width_px display_height_px display_number enable_zoom');

const messages: RequestTable = table({
  ...all(plain, 'max_tokens stream temperature top_k top_p service_tier speed inference_geo'),
  ...all(plain, 'tool_choice thinking context_management cache_control anthropic_version'),
  ...all(data, 'metadata output_config output_format stop_sequences betas'),
  system: list(typed({ text }, refused)),
  messages: list(only({ role: plain, content: blocks })),
  tools: list(
    typed(
      {
        custom: ownTool,
        'bash_#': ownTool,
        'text_editor_#': only({ ...cached, ...all(data, claudeTool), max_characters: plain }),
        'computer_#': only({ ...cached, ...all(data, claudeTool), ...screenTool }),
        'memory_#': ownTool,
        // Searches the tools of the request.
        ...each('tool_search_tool_regex* tool_search_tool_bm25*', ownTool),
        ...all(dropped, 'web_search_* web_fetch_* advisor_*'),
        ...all(refused, 'code_execution_* mcp_toolset'),
      },
      ownTool,
    ),
  ),
  ...all(refused, 'mcp_servers container'),
});

// OpenAI Chat Completions, with additions of compatible providers.

const audio = only({ ...all(plain, 'format'), data });
const linked: Fields = { url: address, ...all(plain, 'detail format min_pixels max_pixels fps') };
const chatParts = list(
  typed(
    {
      text: only({ ...cached, ...all(data, 'text annotations thought_signature extra_content') }),
      refusal: dataOf('refusal'),
      thinking: dataOf('thinking signature closed'),
      redacted_thinking: dataOf('data'),
      reasoning: dataOf('text reasoning summary signature'),
      image_url: only({
        ...cached,
        image_url: textOr(linked, address),
        ...all(plain, 'min_pixels max_pixels detail'),
      }),
      input_audio: only({ ...cached, input_audio: audio }),
      video_url: only({ ...cached, video_url: textOr(linked, address), fps: plain }),
      audio_url: only({ ...cached, audio_url: textOr(linked, address) }),
      file: only({
        ...cached,
        file: only({ file_data: plain, file_url: address, ...all(data, 'filename format') }),
      }),
    },
    refused,
  ),
);
const functionTool = only({ ...cached, function: data, ...all(plain, 'strict eager_input_streaming') });
const chatTools: Fields = { function: functionTool, custom: only({ custom: data }) };

const chat: RequestTable = table({
  ...all(plain, 'stream stream_options temperature top_p top_k min_p top_a typical_p n seed'),
  ...all(plain, 'max_tokens max_completion_tokens frequency_penalty presence_penalty repetition_penalty'),
  ...all(plain, 'logit_bias logprobs top_logprobs parallel_tool_calls reasoning_effort reasoning thinking'),
  ...all(plain, 'thinking_budget enable_thinking preserve_thinking verbosity service_tier modalities audio'),
  ...all(plain, 'usage think num_ctx keep_alive options'),
  ...all(plain, 'reasoningEffort reasoningSummary reasoning_summary textVerbosity reasoning_format'),
  ...all(plain, 'vl_high_resolution_images stream_tool_calls tool_stream cache_control'),
  ...all(data, 'prompt_cache_key safety_identifier user include format function_call'),
  ...all(data, 'metadata response_format prediction stop functions chat_template_kwargs'),
  ...all(dropped, 'store prompt_cache_retention'),
  messages: list(
    only({
      ...all(plain, 'role prefix partial cache_control phase'),
      content: chatParts,
      ...all(data, 'name tool_call_id tool_calls function_call refusal annotations'),
      ...all(data, 'reasoning reasoning_content reasoning_details reasoning_text reasoning_opaque'),
      ...all(data, 'thinking_blocks extra_content provider_specific_fields'),
      audio: refused,
    }),
  ),
  tools: list(
    typed({ ...chatTools, ...all(dropped, 'web_search*'), ...all(refused, 'mcp') }, only({ function: data })),
  ),
  tool_choice: typed(
    { ...chatTools, allowed_tools: only({ allowed_tools: data }) },
    textOr({ function: data }, plain),
  ),
  ...all(refused, 'web_search_options enable_search search_parameters plugins extra_body background'),
});

// OpenAI Responses. An item with an id and no content is looked up in the account.

const said = only({ ...cached, ...all(data, 'text annotations logprobs') });
const stored = all(refused, 'file_id');
const responseParts = list(
  typed(
    {
      ...each('text input_text output_text summary_text reasoning_text', said),
      refusal: dataOf('refusal'),
      encrypted_content: dataOf('encrypted_content'),
      input_image: only({ ...stored, image_url: address, detail: plain }),
      input_file: only({ ...stored, file_url: address, file_data: plain, ...all(data, 'filename detail') }),
      input_audio: only({ input_audio: audio }),
      computer_screenshot: only({ ...stored, image_url: address, detail: plain }),
    },
    refused,
  ),
);
const offered: Fields = {
  function: dataOf('name description parameters strict defer_loading output_schema allowed_callers'),
  custom: dataOf('name description format defer_loading allowed_callers'),
  ...each('local_shell apply_patch computer', only({})),
  computer_use_preview: only(all(plain, 'display_width display_height environment')),
  tool_search: dataOf('execution description parameters'),
  ...all(dropped, 'web_search* image_generation'),
  ...all(refused, 'mcp code_interpreter file_search shell'),
};
const offeredTools = list(
  typed(
    {
      ...offered,
      namespace: only({ ...all(data, 'name description'), tools: list(typed(offered, refused)) }),
    },
    refused,
  ),
);
const item = (fields: Fields, ...needs: string[]): Rule =>
  only({ ...all(data, 'id status'), ...fields }, { needs });
const call = (names: string, ...needs: string[]): Rule => item(all(data, `call_id ${names}`), ...needs);
const output = item({ ...all(data, 'call_id name caller'), output: responseParts }, 'output');
const ofMessage: Fields = { ...all(data, 'role phase'), content: responseParts };
const message = item(ofMessage, 'role', 'content');
/** Without encrypted content its id would have to be looked up. */
const reasoning = only(all(data, 'id summary content encrypted_content status'), {
  backing: 'encrypted_content',
});
const items: Fields = {
  message,
  reasoning,
  ...each('compaction compaction_summary', item(all(data, 'encrypted_content'), 'encrypted_content')),
  compaction_trigger: only({}),
  web_search_call: only({ id: dropped, ...all(data, 'status action') }),
  function_call: call('name arguments namespace caller', 'name'),
  custom_tool_call: call('name input namespace caller', 'name'),
  ...each('local_shell_call computer_call', call('action actions pending_safety_checks', 'call_id')),
  apply_patch_call: call('operation caller', 'operation'),
  tool_search_call: call('execution arguments', 'execution'),
  shell_call: item(
    { ...all(data, 'call_id action caller'), environment: typed({ local: only({}) }, refused) },
    'action',
  ),
  ...each('function_call_output custom_tool_call_output', output),
  computer_call_output: item({
    ...all(data, 'call_id acknowledged_safety_checks'),
    output: responseParts,
  }),
  ...each('apply_patch_call_output local_shell_call_output', output),
  shell_call_output: item(all(data, 'call_id output max_output_length caller'), 'output'),
  tool_search_output: item({ ...all(data, 'call_id execution'), tools: offeredTools }),
  additional_tools: item({ role: plain, tools: offeredTools }),
  ...all(refused, 'item_reference mcp_* file_search_call code_interpreter_call image_generation_call'),
};

const responses: RequestTable = table(
  {
    ...all(plain, 'stream stream_options temperature top_p top_logprobs max_output_tokens max_tool_calls'),
    ...all(plain, 'parallel_tool_calls reasoning service_tier truncation context_management verbosity store'),
    ...all(data, 'instructions metadata client_metadata text include'),
    ...all(data, 'prompt_cache_key safety_identifier user'),
    ...all(dropped, 'prompt_cache_retention'),
    input: list(typed(items, message)),
    tools: offeredTools,
    tool_choice: typed(
      {
        ...each('function custom', dataOf('name')),
        allowed_tools: dataOf('mode tools'),
        ...each('apply_patch local_shell', only({})),
      },
      textOr({}, plain),
    ),
    ...all(refused, 'previous_response_id conversation background prompt'),
  },
  { store: false },
);

const embeddings: RequestTable = table({
  ...all(plain, 'encoding_format dimensions input_type truncate'),
  user: data,
  input: data,
});

// Gemini. Parts and tools have no `type`: their members identify them.

const blob: Fields = {
  inlineData: dataOf('mimeType data displayName'),
  fileData: only({ fileUri: address, ...all(data, 'mimeType displayName') }),
};
const contents = list(
  only({
    role: plain,
    parts: list(
      only({
        ...blob,
        ...all(
          data,
          'text thought thoughtSignature partMetadata functionCall executableCode codeExecutionResult',
        ),
        ...all(plain, 'videoMetadata mediaResolution'),
        functionResponse: only({
          ...all(data, 'id name response willContinue scheduling'),
          parts: list(only({ ...blob, ...all(data, 'text') })),
        }),
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
  ...all(plain, 'safetySettings serviceTier'),
  toolConfig: only({
    functionCallingConfig: data,
    ...all(plain, 'retrievalConfig includeServerSideToolInvocations'),
  }),
  labels: data,
  generationConfig: {
    kind: 'object',
    fields: all(data, 'responseSchema responseJsonSchema _responseJsonSchema stopSequences'),
    others: 'plain',
  },
  store: dropped,
  cachedContent: refused,
};
const embedding: Fields = {
  content: contents,
  title: data,
  ...all(plain, 'taskType outputDimensionality'),
};
const gemini = (fields: Fields): RequestTable => ({ ...table(fields), eitherCase: true });

/** By endpoint. */
export const REQUEST_TABLES = {
  messages,
  chat,
  responses,
  embeddings,
  generateContent: gemini(generation),
  countTokens: gemini({ contents, generateContentRequest: only({ model, ...generation }) }),
  embedContent: gemini({ ...embedding, requests: list(only({ model, ...embedding })) }),
} as const;
