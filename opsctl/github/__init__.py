"""What opsctl says on GitHub: a comment on a pull request, an issue for each environment that drifted."""

from opsctl.github.client import GitHub, GitHubError, connect

__all__ = ["GitHub", "GitHubError", "connect"]
