"""The helper requests and coding agents that are known without any configuration.

The phrases are the openings of prompts that these programs were seen to send. They are signs to be compared, so they stand as the
programs write them; a program that changes its prompts needs a new rule, here or in a configuration.
"""

from __future__ import annotations

from typing import Final

from proxy.chat.clients.rules import HelperRule, Profile

HELPERS: Final[tuple[HelperRule, ...]] = (
    # Open WebUI: one message, never streamed, the chat inside it.
    HelperRule(
        "open-webui title",
        starts_with=("### Task: Generate a concise, 3-5 word title",),
        contains=("<chat_history>",),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui tags",
        starts_with=("### Task: Generate 1-3 broad tags",),
        contains=("<chat_history>",),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui follow-ups",
        starts_with=("### Task: Suggest 3-5 relevant follow-up",),
        contains=("<chat_history>",),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui queries",
        starts_with=("### Task: Analyze the chat history to determine the necessity of",),
        contains=("<chat_history>",),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui image prompt",
        starts_with=("### Task: Generate a detailed prompt for",),
        contains=("<chat_history>",),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui autocomplete",
        starts_with=("### Task: You are an autocompletion system.",),
        contains=("<type>", "<text>"),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui emoji",
        starts_with=("Your task is to reflect the speaker's likely facial expression",),
        contains=("emoji",),
        single_message=True,
        plain=True,
    ),
    HelperRule(
        "open-webui task",  # prompts that an administrator has rewritten keep this frame
        starts_with=("### Task:",),
        contains=("### Output:", "<chat_history>", "</chat_history>"),
        single_message=True,
        plain=True,
    ),
    # Other chat frontends.
    HelperRule(
        "librechat title",
        starts_with=(
            "Provide a concise, 5-word-or-less title for the conversation",
            "Please generate a concise, 5-word-or-less title for the conversation",
        ),
        contains=("Conversation:",),
        single_message=True,
    ),
    HelperRule(
        "librechat title and language",
        starts_with=("Analyze this conversation and provide: 1. The detected language",),
        contains=("2. A concise title in the detected language",),
        single_message=True,
    ),
    HelperRule(
        "librechat memory",
        system_starts_with=("Use the `set_memory` tool to save important information about the user",),
        tools=("set_memory",),
    ),
    HelperRule(
        "lobechat title",
        system_starts_with=("你是一名擅长会话的助理", "You are a professional conversation summarizer."),
        single_message=True,
    ),
    HelperRule(
        "cherry studio title",
        system_starts_with=("You are an assistant skilled in conversation.",),
        system_contains=("into a title within 10 words",),
    ),
    HelperRule(
        "nextchat title",
        starts_with=("Please generate a four to five word title summarizing our conversation",),
        contains=("Remove enclosing quotation marks.",),
        plain=True,
    ),
    HelperRule(
        "big-agi title",
        system_starts_with=("You are an AI conversation titles assistant",),
        starts_with=("Analyze the given short conversation",),
    ),
    # Coding agents and editors.
    HelperRule(
        "opencode title",
        system_starts_with=("You are a title generator. You output ONLY a thread title.",),
        first_starts_with=("Generate a title for this conversation:",),
    ),
    HelperRule(
        "crush title",
        system_starts_with=("You will generate a short title based on the first message",),
        single_message=True,
    ),
    HelperRule(
        "aider commit message",
        system_starts_with=(
            "You are an expert software engineer that generates concise, one-line Git commit messages",
            "You are an expert software engineer who writes concise, one-line Git commit messages",
        ),
        single_message=True,
    ),
    HelperRule(
        "aider summary",
        system_starts_with=("*Briefly* summarize this partial conversation about programming.",),
        starts_with=("# USER", "# ASSISTANT"),
        single_message=True,
    ),
    HelperRule(
        "cline commit message",
        system_starts_with=("You are a helpful assistant that generates informative git commit messages",),
        single_message=True,
    ),
    HelperRule(
        "roo enhanced prompt",
        starts_with=("Generate an enhanced version of this prompt (reply with only the enhanced prompt",),
        single_message=True,
    ),
    HelperRule(
        "continue title",
        starts_with=("Given the following... please reply with a title for the chat",),
        max_tokens_at_most=64,
    ),
    HelperRule(
        "continue autocomplete",
        starts_with=("You are a HOLE FILLER.",),
        contains=("<COMPLETION/>",),
    ),
    HelperRule(
        "copilot title",
        system_starts_with=("You are an expert in crafting pithy titles for chatbot conversations.",),
        starts_with=("Please write a brief title for the following request",),
    ),
    HelperRule(
        "zed title",
        user_agent=("Zed/",),
        starts_with=("Generate a concise 3-7 word title for this conversation, omitting punctuation.",),
    ),
    HelperRule(
        "zed summary",
        user_agent=("Zed/",),
        starts_with=("Generate a detailed summary of this conversation.",),
    ),
    HelperRule(
        "zed commit message",
        starts_with=("You are an expert at writing Git commits. Your job is to write a short clear commit message",),
        single_message=True,
    ),
    HelperRule(
        "claude code topic",
        system_contains=("Analyze if this message indicates a new conversation topic.", "'isNewTopic'"),
    ),
    HelperRule(
        "claude code title",
        system_contains=("sentence-case title (3-7 words)", "this coding session"),
        single_message=True,
    ),
    HelperRule(
        "claude code name",
        starts_with=("Please write a 5-10 word title for the following conversation:",),
        single_message=True,
    ),
    HelperRule(
        "claude code quota",
        starts_with=("quota",),
        single_message=True,
        max_tokens_at_most=1,
    ),
    HelperRule(
        "qwen code next speaker",  # and Gemini CLI's, from which it stems
        starts_with=("Analyze *only* the content and structure of your immediately preceding response",),
        contains=("who should logically speak next",),
    ),
    HelperRule(
        "qwen code tool summary",
        starts_with=("Summarize the following tool output to be a maximum of",),
        single_message=True,
    ),
    # Memory extraction.
    HelperRule(
        "qwen code memory",  # an agent of its own, tool calls and all
        system_starts_with=("You are now acting as the managed memory extraction subagent",),
        system_contains=("update persistent managed memory",),
    ),
    HelperRule(
        "mem0 facts",
        system_starts_with=("You are a Personal Information Organizer, specialized in accurately storing facts",),
        asks_json=True,
    ),
    HelperRule(
        "mem0 update",
        starts_with=("You are a smart memory manager which controls the memory of a system.",),
        single_message=True,
        asks_json=True,
    ),
)

PROFILES: Final[tuple[Profile, ...]] = (
    Profile(
        "aider",
        user_agent=("aider",),
        system_starts_with=(
            "Act as an expert software developer.",
            "Act as an expert code analyst.",
            "Act as an expert architect engineer",
        ),
    ),
    Profile("cline", user_agent=("cline/",), system_starts_with=("You are Cline, a highly skilled software engineer",)),
    Profile("roo", user_agent=("RooCode/",), system_starts_with=("You are Roo,",)),
    Profile("kilo", user_agent=("Kilo-Code/",), system_starts_with=("You are Kilo Code,",)),
    Profile(
        "continue",
        user_agent=("continue-cli",),
        system_starts_with=("<important_rules> You are in agent mode.",),
    ),
    Profile(
        "opencode",
        user_agent=("opencode/",),
        headers=("x-opencode-session", "x-opencode-client"),
        system_starts_with=("You are opencode, an interactive CLI", "You are OpenCode,"),
    ),
    Profile("codex", user_agent=("codex_cli_rs/", "codex_exec/", "codex_vscode/")),
    Profile(
        "claude code",
        user_agent=("claude-cli/", "claude-code/"),
        headers=("x-claude-code-session-id",),
        system_starts_with=("You are Claude Code, Anthropic's official CLI for Claude.",),
    ),
    Profile(
        "qwen code",
        user_agent=("QwenCode/",),
        system_starts_with=(
            "You are Qwen Code, an interactive CLI agent",
            "You are Qwen Code, a non-interactive CLI agent",
        ),
    ),
    Profile(
        "gemini cli",
        user_agent=("GeminiCLI/",),
        system_starts_with=("You are an interactive CLI agent specializing in software engineering tasks.",),
    ),
    Profile("gptme", user_agent=("gptme/",), system_starts_with=("You are gptme v",)),
    Profile(
        "cursor",
        user_agent=("Cursor/",),
        system_contains=("You operate exclusively in Cursor", "You operate in Cursor"),
    ),
    Profile("zed", user_agent=("Zed/",)),
    Profile("goose", user_agent=("goose/",), system_contains=("AI agent called goose",)),
    Profile("crush", user_agent=("Charm Crush", "crush/"), system_starts_with=("You are Crush",)),
    Profile("openhands", user_agent=("OpenHands/",), system_starts_with=("You are OpenHands agent",)),
)
