"""What frontends and coding agents send behind their user's back, in the shapes in which they send it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CHAT = "USER: How do I bake a rye bread?\nASSISTANT: With a sourdough."


def task(instruction: str, *, stream: bool = False) -> Json:
    """A task of Open WebUI: one message that holds the chat."""
    text = (
        f"### Task:\n{instruction}\n\n### Output:\nJSON\n\n### Chat History:\n<chat_history>\n{CHAT}\n</chat_history>"
    )
    return {"messages": [user(text)], "stream": stream}


def user(text: object) -> Json:
    return {"role": "user", "content": text}


def system(text: str) -> Json:
    return {"role": "system", "content": text}


def tool(name: str) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


TITLE = "Generate a concise, 3-5 word title with an emoji for the chat."

HELPERS: dict[str, Json] = {
    "open-webui title": task(TITLE),
    "open-webui tags": task("Generate 1-3 broad tags for the chat."),
    "open-webui follow-ups": task("Suggest 3-5 relevant follow-up questions."),
    "open-webui queries": task("Analyze the chat history to determine the necessity of a search."),
    "open-webui image prompt": task("Generate a detailed prompt for an image."),
    "open-webui autocomplete": {
        "messages": [
            user(
                "### Task:\nYou are an autocompletion system. Continue.\n<type>General</type>\n<text>How do I ba</text>"
            )
        ]
    },
    "open-webui emoji": {
        "messages": [user("Your task is to reflect the speaker's likely facial expression in one emoji.\nHi!")],
        "max_tokens": 4,
    },
    "open-webui task": task("Name this chat, as the administrator likes it."),
    "librechat title": {
        "messages": [
            user(f"Provide a concise, 5-word-or-less title for the conversation. Only that.\n\nConversation:\n{CHAT}")
        ]
    },
    "librechat title and language": {
        "messages": [
            user(
                "Analyze this conversation and provide:\n1. The detected language\n"
                f"2. A concise title in the detected language\n\n{CHAT}"
            )
        ]
    },
    "librechat memory": {
        "messages": [
            system("Use the `set_memory` tool to save important information about the user."),
            user("I have a cat."),
            {"role": "assistant", "content": "How nice."},
            user("It is called Tom."),
        ],
        "tools": [tool("set_memory"), tool("delete_memory")],
    },
    "lobechat title": {"messages": [system("你是一名擅长会话的助理"), user(CHAT)]},
    "cherry studio title": {
        "messages": [
            system("You are an assistant skilled in conversation. Make of it, into a title within 10 words, the gist."),
            user(CHAT),
        ]
    },
    "nextchat title": {
        "messages": [
            user("How do I bake a rye bread?"),
            {"role": "assistant", "content": "With a sourdough."},
            user(
                "Please generate a four to five word title summarizing our conversation, no more. "
                "Remove enclosing quotation marks."
            ),
        ]
    },
    "big-agi title": {
        "messages": [
            system("You are an AI conversation titles assistant."),
            user(f"Analyze the given short conversation:\n{CHAT}"),
        ]
    },
    "opencode title": {
        "messages": [
            system("You are a title generator. You output ONLY a thread title. Nothing else."),
            user("Generate a title for this conversation:\n"),
            user("How do I bake a rye bread?"),
        ],
        "stream": True,
    },
    "crush title": {
        "messages": [
            system("You will generate a short title based on the first message that is sent."),
            user("How do I bake a rye bread?"),
        ],
        "stream": True,
    },
    "aider commit message": {
        "messages": [
            system(
                "You are an expert software engineer that generates concise, one-line Git commit messages from diffs."
            ),
            user("diff --git a/bread b/bread"),
        ]
    },
    "aider summary": {
        "messages": [
            system("*Briefly* summarize this partial conversation about programming.\nNo more."),
            user("# USER\nHow do I bake?\n# ASSISTANT\nSlowly."),
        ]
    },
    "cline commit message": {
        "messages": [
            system("You are a helpful assistant that generates informative git commit messages from diffs."),
            user("diff --git a/bread b/bread"),
        ],
        "stream": True,
    },
    "roo enhanced prompt": {
        "messages": [
            user(
                "Generate an enhanced version of this prompt (reply with only the enhanced prompt, no more):\n\nbake bread"
            )
        ]
    },
    "continue title": {
        "messages": [user(f"Given the following... please reply with a title for the chat, short.\n\n{CHAT}")],
        "max_tokens": 16,
    },
    "continue autocomplete": {
        "messages": [user("You are a HOLE FILLER. Fill it, inside <COMPLETION/>.\n\ndef bake({{FILL_HERE}}):")]
    },
    "copilot title": {
        "messages": [
            system("You are an expert in crafting pithy titles for chatbot conversations."),
            user("Please write a brief title for the following request:\n\nbake a rye bread"),
        ]
    },
    "zed commit message": {
        "messages": [
            user(
                "You are an expert at writing Git commits. Your job is to write a short clear commit message.\n\ndiff --git"
            )
        ],
        "stream": True,
    },
    "claude code topic": {
        "messages": [
            system(
                "Analyze if this message indicates a new conversation topic. Answer as JSON with 'isNewTopic' and 'title'."
            ),
            user("How do I bake a rye bread?"),
        ]
    },
    "claude code title": {
        "messages": [
            system("Generate a concise, sentence-case title (3-7 words) for this coding session."),
            user("How do I bake a rye bread?"),
        ]
    },
    "claude code name": {
        "messages": [user(f"Please write a 5-10 word title for the following conversation:\n\n{CHAT}")]
    },
    "claude code quota": {"messages": [user("quota")], "max_tokens": 1},
    "qwen code next speaker": {
        "messages": [
            user("How do I bake a rye bread?"),
            {"role": "assistant", "content": "With a sourdough."},
            user(
                "Analyze *only* the content and structure of your immediately preceding response. "
                "Say who should logically speak next."
            ),
        ]
    },
    "qwen code tool summary": {
        "messages": [user("Summarize the following tool output to be a maximum of 2000 letters.\n\nok ok ok")]
    },
    "qwen code memory": {
        "messages": [
            system(
                "You are now acting as the managed memory extraction subagent for an AI coding assistant.\n\n"
                "Analyze only that recent conversation and use it to update persistent managed memory."
            ),
            user("How do I bake a rye bread?"),
            {"role": "assistant", "content": "With a sourdough."},
            user("Managed memory has TWO directories."),
        ],
        "tools": [tool("read_file"), tool("write_file")],
        "stream": True,
    },
    "mem0 facts": {
        "messages": [
            system("You are a Personal Information Organizer, specialized in accurately storing facts."),
            user(f"Input:\n{CHAT}"),
        ],
        "response_format": {"type": "json_object"},
    },
    "mem0 update": {
        "messages": [user("You are a smart memory manager which controls the memory of a system.\nOld memory: []")],
        "response_format": {"type": "json_object"},
    },
}
"""Requests by the name of the rule that knows them; those that also need a `User-Agent` are in `ZED`."""

ZED: dict[str, Json] = {
    "zed title": {
        "messages": [
            user("How do I bake a rye bread?"),
            {"role": "assistant", "content": "With a sourdough."},
            user("Generate a concise 3-7 word title for this conversation, omitting punctuation."),
        ],
        "stream": True,
    },
    "zed summary": {
        "messages": [
            user("How do I bake a rye bread?"),
            {"role": "assistant", "content": "With a sourdough."},
            user("Generate a detailed summary of this conversation. Include what was decided."),
        ],
        "stream": True,
    },
}
"""The same, for an editor whose requests bear its name in the `User-Agent`."""

AGENTS: dict[str, tuple[dict[str, str], str | None]] = {
    "aider": ({}, "Act as an expert software developer.\nAlways use best practices."),
    "cline": ({}, "You are Cline, a highly skilled software engineer with tools."),
    "roo": ({"User-Agent": "RooCode/3.52.1"}, None),
    "kilo": ({}, "You are Kilo Code, a knowledgeable assistant."),
    "continue": ({}, "<important_rules>\n  You are in agent mode.\n</important_rules>"),
    "opencode": ({"x-opencode-session": "ses_1"}, None),
    "codex": ({"User-Agent": "codex_cli_rs/0.9 (linux)"}, None),
    "claude code": ({"User-Agent": "claude-cli/2.1 (external, cli)"}, None),
    "qwen code": ({"User-Agent": "QwenCode/0.12.3 (linux; x64)"}, None),
    "gemini cli": ({}, "You are an interactive CLI agent specializing in software engineering tasks."),
    "gptme": ({}, "You are gptme v0.30, with tools in the text."),
    "cursor": ({}, "You are a coding assistant. You operate in Cursor, an editor."),
    "zed": ({"User-Agent": "Zed/0.200 (linux; x86_64)"}, None),
    "goose": ({}, "You are a general-purpose AI agent called goose."),
    "crush": ({}, "You are Crush, a coding agent."),
    "openhands": ({}, "You are OpenHands agent, at your service."),
}
"""By profile: headers, and the opening of the system text."""
